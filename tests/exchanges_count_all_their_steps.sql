-- A turn's figures are those of the steps that its events tell of, and no turn is of two sessions.
with

traces as (

    select
        exchange_id,
        count(case when event_type = 'step_finish' then 1 end) as step_count,
        count(case when event_type = 'tool_call' and not is_fork_copy then 1 end) as tool_count,
        count(case when event_type = 'error' and not is_fork_copy then 1 end) as error_count,
        sum(case when not is_fork_copy then tokens_in end) as tokens_in,
        sum(case when not is_fork_copy then tokens_out end) as tokens_out,
        count(distinct session_id) as session_count
    from {{ ref('exchange_traces') }}
    group by exchange_id

),

exchanges as (

    select *
    from {{ ref('exchanges') }}

),

differing as (

    select exchanges.exchange_id
    from exchanges
    left join traces
        on exchanges.exchange_id = traces.exchange_id
    where
        traces.exchange_id is null
        or traces.session_count != 1
        or exchanges.step_count != traces.step_count
        or exchanges.tool_count != traces.tool_count
        or exchanges.error_count != traces.error_count
        or coalesce(exchanges.tokens_in, 0) != coalesce(traces.tokens_in, 0)
        or coalesce(exchanges.tokens_out, 0) != coalesce(traces.tokens_out, 0)

)

select * from differing
