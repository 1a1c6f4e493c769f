with

numbered as (

    select *
    from {{ ref('int_delegations_numbered') }}

),

sessions as (

    select
        session_id,
        agent,
        depth,
        duration_ms
    from {{ ref('sessions') }}

),

totals as (

    select *
    from {{ ref('int_sessions_totaled_inclusive') }}

),

described as (

    select
        -- ids
        numbered.delegation_id,
        numbered.tool_call_id,
        numbered.message_id,
        numbered.exchange_id,
        numbered.session_id,
        numbered.child_session_id,

        -- strings
        coalesce(numbered.agent, children.agent) as agent,
        numbered.status,

        -- numbers
        numbered.call_number,
        children.depth as child_depth,
        totals.step_count as child_step_count_inclusive,
        totals.tool_call_count as child_tool_call_count_inclusive,
        totals.error_count as child_error_count_inclusive,
        totals.tokens_input as child_tokens_in_inclusive,
        totals.tokens_output as child_tokens_out_inclusive,
        totals.tokens_reasoning as child_tokens_reasoning_inclusive,
        totals.tokens_cache_read as child_tokens_cache_read_inclusive,
        totals.tokens_cache_write as child_tokens_cache_write_inclusive,
        totals.tokens_unpriced as child_tokens_unpriced_inclusive,
        totals.cost_usd as child_cost_usd_inclusive,
        coalesce(
            numbered.execution_time_ms,
            case when numbered.tool_call_id is null then children.duration_ms end
        ) as duration_ms,

        -- booleans
        numbered.is_child_loaded,
        numbered.is_fork_copy,

        -- timestamps
        numbered.started_at,

        -- lineage
        numbered.source_id,
        numbered.deleted_at
    from numbered
    left join sessions as children
        on numbered.child_session_id = children.session_id
    left join totals
        on
            numbered.child_session_id = totals.session_id
            and numbered.call_number = 1

)

select * from described
