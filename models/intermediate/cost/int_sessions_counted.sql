with

sessions as (

    select session_id
    from {{ ref('sessions') }}

),

exchanges as (

    select
        session_id,
        count(*) as exchange_count
    from {{ ref('int_exchanges_described') }}
    where not is_fork_copy
    group by session_id

),

tool_calls as (

    select
        session_id,
        count(*) as tool_call_count,
        count(case when status = 'success' then 1 end) as tool_success_count,
        count(case when status != 'running' then 1 end) as tool_finished_count,
        cast(sum(execution_time_ms) as bigint) as tool_execution_time_ms,
        count(distinct case when not is_child_loaded then child_session_id end)
            as missing_child_count
    from {{ ref('tool_calls') }}
    where not is_fork_copy and not is_orphan
    group by session_id

),

errors as (

    select
        session_id,
        count(*) as error_count
    from {{ ref('errors') }}
    where not is_fork_copy and not is_orphan
    group by session_id

),

-- One row per session, be it without any of these.
counted as (

    select
        sessions.session_id,
        coalesce(exchanges.exchange_count, 0) as exchange_count,
        coalesce(tool_calls.tool_call_count, 0) as tool_call_count,
        coalesce(tool_calls.tool_success_count, 0) as tool_success_count,
        coalesce(tool_calls.tool_finished_count, 0) as tool_finished_count,
        case
            when tool_calls.session_id is null then 0
            else tool_calls.tool_execution_time_ms
        end as tool_execution_time_ms,
        coalesce(tool_calls.missing_child_count, 0) as missing_child_count,
        coalesce(errors.error_count, 0) as error_count
    from sessions
    left join exchanges
        on sessions.session_id = exchanges.session_id
    left join tool_calls
        on sessions.session_id = tool_calls.session_id
    left join errors
        on sessions.session_id = errors.session_id

)

select * from counted
