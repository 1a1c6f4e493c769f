{{ incremental_by_session(states='int_session_documents') }}

with

messages as (

    select *
    from {{ landed(ref('int_messages_deduplicated')) }}

),

sessions as (

    select
        session_id,
        version,
        created_at
    from {{ ref('int_sessions_deduplicated') }}

),

timed as (

    select
        messages.message_id,
        messages.session_id,
        messages.parent_message_id,
        messages.role,
        messages.agent,
        messages.mode,
        messages.provider_id,
        messages.model_name,
        messages.finish_reason,
        messages.error_name,
        messages.error_data,
        messages.root_path,
        messages.working_directory,
        messages.tokens_input_recorded,
        messages.tokens_output_recorded,
        messages.tokens_reasoning_recorded,
        messages.tokens_cache_read_recorded,
        messages.tokens_cache_write_recorded,
        messages.tokens_total_recorded,
        messages.cost_recorded_usd,
        messages.is_summary,
        messages.message_format,
        messages.completed_at,
        messages.source_id,
        messages.load_batch_id,
        messages.deleted_at,
        sessions.version as session_version,
        sessions.created_at as session_created_at,
        coalesce(
            messages.created_at,
            {{ id_clock_at(
                'messages.message_id', 'coalesce(sessions.created_at, messages.origin_modified_at)'
            ) }}
        ) as resolved_created_at
    from messages
    left join sessions
        on messages.session_id = sessions.session_id

),

-- No session is younger than what was said in it, but a fork is younger than what it copied. Its
-- version is then no clue to who wrote the message.
compared as (

    select
        *,
        coalesce(session_created_at > resolved_created_at, false) as is_older_than_session,
        case
            when session_created_at <= resolved_created_at then session_version
        end as earliest_version
    from timed

)

select * from compared
