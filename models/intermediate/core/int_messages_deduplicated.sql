{{ incremental_by_session(states='int_session_documents') }}

with

sources as (

    select
        source_id,
        kind
    from {{ ref('stg_opencode__sources') }}

),

messages as (

    select
        message_id,
        session_id,
        parent_message_id,
        role,
        agent,
        mode,
        provider_id,
        model_name,
        finish_reason,
        error_name,
        error_data,
        root_path,
        working_directory,
        tokens_input_recorded,
        tokens_output_recorded,
        tokens_reasoning_recorded,
        tokens_cache_read_recorded,
        tokens_cache_write_recorded,
        tokens_total_recorded,
        cost_recorded_usd,
        is_summary,
        message_format,
        created_at,
        completed_at,
        source_id,
        origin_modified_at,
        load_batch_id,
        deleted_at
    from {{ landed(ref('int_messages_unioned')) }}

),

-- Stores overlap: the same message may lie in a JSON tree, in a database and in an export. All that
-- bear its id count, also those of a session that did not change: stores may disagree about where a
-- message is.
ranked as (

    select
        alike.message_id,
        alike.source_id,
        alike.message_format,
        row_number() over (
            partition by alike.message_id
            order by
                alike.message_format asc,
                {{ store_preference('sources.kind') }} asc,
                alike.deleted_at is not null asc,
                alike.origin_modified_at desc nulls last,
                alike.source_id asc
        ) as store_rank
    from {{ ref('int_messages_unioned') }} as alike
    inner join sources
        on alike.source_id = sources.source_id
    where alike.message_id in (select messages.message_id from messages)

),

deduplicated as (

    select *
    from messages
    where
        exists (
            select 1
            from ranked
            where
                ranked.message_id = messages.message_id
                and ranked.source_id = messages.source_id
                and ranked.message_format = messages.message_format
                and ranked.store_rank = 1
        )

)

select * from deduplicated
