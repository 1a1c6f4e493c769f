with

sessions as (

    select
        session_id,
        project_id,
        title,
        agent,
        model_id,
        is_root,
        duration_ms,
        created_at,
        source_id,
        deleted_at
    from {{ ref('sessions') }}

),

totals as (

    select *
    from {{ ref('int_sessions_totaled') }}

),

counts as (

    select *
    from {{ ref('int_sessions_counted') }}

),

inclusive as (

    select
        session_id,
        tokens_unpriced,
        cost_usd,
        sub_agent_session_count
    from {{ ref('int_sessions_totaled_inclusive') }}

),

described as (

    select
        -- ids
        sessions.session_id,
        sessions.project_id,

        -- strings
        sessions.title,
        sessions.agent,
        sessions.model_id,

        -- tokens and money
        totals.tokens_input + totals.tokens_output + totals.tokens_reasoning as root_tokens,
        totals.tokens_input as total_tokens_in,
        totals.tokens_output as total_tokens_out,
        totals.tokens_reasoning as total_tokens_reasoning,
        totals.tokens_cache_read + totals.tokens_cache_write as total_tokens_cache,
        totals.tokens_unpriced as total_tokens_unpriced,
        inclusive.tokens_unpriced as total_tokens_unpriced_inclusive,
        totals.cost_recorded_usd as total_cost_recorded_usd,
        totals.cost_usd as total_cost_usd,
        inclusive.cost_usd as total_cost_usd_inclusive,

        -- counts
        counts.exchange_count as total_exchanges,
        totals.step_count as total_steps,
        counts.tool_call_count as total_tool_calls,
        counts.error_count as total_errors,
        inclusive.sub_agent_session_count as total_sub_agent_sessions,

        -- rates
        cast(counts.tool_success_count as double)
        / nullif(counts.tool_finished_count, 0) as tool_success_rate,
        cast(totals.tokens_cache_read as double)
        / nullif(
            totals.tokens_input + totals.tokens_cache_read + totals.tokens_cache_write, 0
        ) as cache_hit_rate,

        -- times
        sessions.duration_ms,
        counts.tool_execution_time_ms as total_tool_time_ms,
        sessions.created_at,

        -- booleans
        sessions.is_root,

        -- lineage
        sessions.source_id,
        sessions.deleted_at
    from sessions
    inner join totals
        on sessions.session_id = totals.session_id
    inner join counts
        on sessions.session_id = counts.session_id
    inner join inclusive
        on sessions.session_id = inclusive.session_id

)

select * from described
