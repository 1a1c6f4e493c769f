with

descendants as (

    select
        session_id,
        descendant_session_id
    from {{ ref('int_session_descendants_walked') }}

),

totals as (

    select *
    from {{ ref('int_sessions_totaled') }}

),

counts as (

    select *
    from {{ ref('int_sessions_counted') }}

),

sessions as (

    select
        session_id,
        ended_at
    from {{ ref('sessions') }}

),

-- One row per session: itself and all sub-agents below it.
totaled as (

    select
        descendants.session_id,
        count(*) - 1 as sub_agent_session_count,
        {{ total_of('totals.step_count', where='true') }} as step_count,
        {{ total_of('totals.tokens_input', where='true') }} as tokens_input,
        {{ total_of('totals.tokens_output', where='true') }} as tokens_output,
        {{ total_of('totals.tokens_reasoning', where='true') }} as tokens_reasoning,
        {{ total_of('totals.tokens_cache_read', where='true') }} as tokens_cache_read,
        {{ total_of('totals.tokens_cache_write', where='true') }} as tokens_cache_write,
        {{ total_of('totals.tokens_unpriced', where='true') }} as tokens_unpriced,
        {{ total_recorded_usd('totals.cost_recorded_usd', where='true') }} as cost_recorded_usd,
        {{ total_usd('totals.cost_usd', 'totals.tokens_unpriced', where='true') }} as cost_usd,
        {{ total_of('counts.tool_call_count', where='true') }} as tool_call_count,
        {{ total_of('counts.error_count', where='true') }} as error_count,
        {{ total_of('counts.missing_child_count', where='true') }}
            as missing_sub_agent_session_count,
        max(sessions.ended_at) as ended_at
    from descendants
    inner join totals
        on descendants.descendant_session_id = totals.session_id
    inner join counts
        on descendants.descendant_session_id = counts.session_id
    inner join sessions
        on descendants.descendant_session_id = sessions.session_id
    group by descendants.session_id

)

select * from totaled
