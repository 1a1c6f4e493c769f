{{ incremental_by_session() }}

with

messages as (

    select *
    from {{ changed(ref('int_messages_normalized')) }}

),

forks as (

    select
        message_id,
        is_fork_copy
    from {{ changed(ref('int_messages_fork_marked')) }}

),

exchanged as (

    select
        message_id,
        exchange_id
    from {{ changed(ref('int_messages_exchanged')) }}

),

costs as (

    select
        message_id,
        cost_source,
        cost_usd,
        tokens_unpriced
    from {{ changed(ref('int_messages_costed')) }}

),

sessions as (

    select
        session_id,
        root_path
    from {{ ref('sessions') }}

),

-- One row per user message: the path of its first answer.
answered as (

    select
        session_id,
        parent_message_id,
        min_by(root_path, {{ timestamp_to_ms('resolved_created_at') }}) as root_path
    from messages
    where parent_message_id is not null and root_path is not null
    group by
        session_id,
        parent_message_id

),

described as (

    select
        -- ids
        messages.message_id,
        messages.session_id,
        parents.message_id as parent_message_id,
        exchanged.exchange_id,

        -- strings
        messages.role,
        messages.agent,
        messages.mode,
        messages.provider_id,
        messages.provider_id || '/' || messages.model_name as model_id,
        messages.finish_reason,
        messages.error_name,
        {{ as_json('messages.error_data') }} as error_data,
        costs.cost_source,
        coalesce(messages.root_path, answered.root_path, sessions.root_path) as root_path,
        messages.working_directory,

        -- tokens and money
        messages.tokens_input,
        messages.tokens_output,
        messages.tokens_reasoning,
        messages.tokens_cache_read,
        messages.tokens_cache_write,
        messages.tokens_total,
        messages.tokens_input_recorded,
        messages.tokens_output_recorded,
        messages.tokens_reasoning_recorded,
        messages.tokens_cache_read_recorded,
        messages.tokens_cache_write_recorded,
        messages.tokens_total_recorded,
        messages.cost_recorded_usd,
        costs.cost_usd as message_cost_usd,
        costs.tokens_unpriced,
        {{ ms_between('messages.resolved_created_at', 'messages.completed_at') }} as duration_ms,

        -- booleans
        messages.is_summary,
        forks.is_fork_copy,

        -- timestamps
        messages.resolved_created_at as created_at,
        messages.completed_at,

        -- lineage
        messages.message_format,
        messages.source_id,
        messages.load_batch_id,
        messages.deleted_at
    from messages
    inner join forks
        on messages.message_id = forks.message_id
    inner join exchanged
        on messages.message_id = exchanged.message_id
    inner join sessions
        on messages.session_id = sessions.session_id
    -- assistant messages alone cost anything
    left join costs
        on messages.message_id = costs.message_id
    left join answered
        on
            messages.message_id = answered.parent_message_id
            and messages.session_id = answered.session_id
    -- The parent may be gone; OpenCode 1.0 lets a fork's copies name the original's.
    left join {{ ref('int_messages_timed') }} as parents
        on messages.parent_message_id = parents.message_id

)

select * from described
