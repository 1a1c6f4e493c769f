with

sessions as (

    select
        session_id,
        root_session_id,
        parent_session_id,
        project_id,
        agent,
        model_id,
        depth,
        duration_ms,
        is_root,
        is_fork,
        created_at,
        ended_at,
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

delegations as (

    select
        child_session_id,
        delegation_id
    from {{ ref('delegations') }}
    where call_number = 1

),

described as (

    select
        -- ids
        sessions.session_id,
        sessions.root_session_id,
        sessions.parent_session_id,
        delegations.delegation_id,
        sessions.project_id,

        -- strings
        sessions.agent,
        sessions.model_id,

        -- the tree
        sessions.depth,
        sessions.is_root,
        sessions.is_fork,
        inclusive.sub_agent_session_count,
        inclusive.missing_sub_agent_session_count,

        -- own
        counts.exchange_count,
        own.step_count,
        counts.tool_call_count,
        counts.error_count,
        own.tokens_input as tokens_in,
        own.tokens_output as tokens_out,
        own.tokens_reasoning,
        own.tokens_cache_read,
        own.tokens_cache_write,
        own.tokens_unpriced,
        own.cost_usd,

        -- with all sub-agents below
        inclusive.step_count as step_count_inclusive,
        inclusive.tool_call_count as tool_call_count_inclusive,
        inclusive.error_count as error_count_inclusive,
        inclusive.tokens_input as tokens_in_inclusive,
        inclusive.tokens_output as tokens_out_inclusive,
        inclusive.tokens_reasoning as tokens_reasoning_inclusive,
        inclusive.tokens_cache_read as tokens_cache_read_inclusive,
        inclusive.tokens_cache_write as tokens_cache_write_inclusive,
        inclusive.tokens_unpriced as tokens_unpriced_inclusive,
        inclusive.cost_usd as cost_usd_inclusive,

        -- times
        sessions.duration_ms,
        sessions.created_at as started_at,
        sessions.ended_at,

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
    left join delegations
        on sessions.session_id = delegations.child_session_id

)

select * from described
