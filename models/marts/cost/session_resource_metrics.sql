with

sessions as (

    select
        session_id,
        root_session_id,
        project_id,
        created_at,
        updated_at,
        source_id,
        deleted_at
    from {{ ref('sessions') }}

),

own as (

    select *
    from {{ ref('int_sessions_totaled') }}

),

counts as (

    select *
    from {{ ref('int_sessions_counted') }}

),

inclusive as (

    select *
    from {{ ref('int_sessions_totaled_inclusive') }}

),

described as (

    select
        -- ids
        sessions.session_id,
        sessions.root_session_id,
        sessions.project_id,

        -- own: adds up over sessions
        own.tokens_input as total_input_tokens,
        own.tokens_output as total_output_tokens,
        own.tokens_reasoning as total_reasoning_tokens,
        own.tokens_cache_read as total_cache_read_tokens,
        own.tokens_cache_write as total_cache_write_tokens,
        own.tokens_unpriced as total_unpriced_tokens,
        own.cost_recorded_usd as total_cost_recorded_usd,
        own.cost_usd as total_cost_usd,
        own.message_count,
        own.step_count,
        counts.exchange_count,
        counts.tool_call_count,
        counts.error_count,

        -- with all sub-agents below
        inclusive.tokens_input as total_input_tokens_inclusive,
        inclusive.tokens_output as total_output_tokens_inclusive,
        inclusive.tokens_reasoning as total_reasoning_tokens_inclusive,
        inclusive.tokens_cache_read as total_cache_read_tokens_inclusive,
        inclusive.tokens_cache_write as total_cache_write_tokens_inclusive,
        inclusive.tokens_unpriced as total_unpriced_tokens_inclusive,
        inclusive.cost_recorded_usd as total_cost_recorded_usd_inclusive,
        inclusive.cost_usd as total_cost_usd_inclusive,
        inclusive.tool_call_count as tool_call_count_inclusive,
        inclusive.error_count as error_count_inclusive,
        inclusive.sub_agent_session_count,
        inclusive.missing_sub_agent_session_count,

        -- as OpenCode shows the session
        own.tokens_input_with_copies as total_input_tokens_with_copies,
        own.tokens_output_with_copies as total_output_tokens_with_copies,
        own.tokens_reasoning_with_copies as total_reasoning_tokens_with_copies,
        own.tokens_cache_read_with_copies as total_cache_read_tokens_with_copies,
        own.tokens_cache_write_with_copies as total_cache_write_tokens_with_copies,
        own.tokens_unpriced_with_copies as total_unpriced_tokens_with_copies,
        own.cost_with_copies_usd as total_cost_usd_with_copies,
        own.message_count_with_copies,

        -- times
        own.avg_response_time_ms,
        counts.tool_execution_time_ms as total_execution_time_ms,
        sessions.created_at,
        sessions.updated_at,

        -- lineage
        sessions.source_id,
        sessions.deleted_at
    from sessions
    inner join own
        on sessions.session_id = own.session_id
    inner join counts
        on sessions.session_id = counts.session_id
    inner join inclusive
        on sessions.session_id = inclusive.session_id

)

select * from described
