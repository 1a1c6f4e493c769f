with

tool_times as (

    select
        messages.exchange_id,
        sum(tool_calls.execution_time_ms) as tool_ms
    from {{ ref('tool_calls') }} as tool_calls
    inner join {{ ref('messages') }} as messages
        on tool_calls.message_id = messages.message_id
    group by messages.exchange_id

)

select
    substring(exchanges.prompt_input, 1, 40) as prompt,
    exchanges.model_id,
    exchanges.step_count as steps,
    round(exchanges.duration_ms / 1000, 1) as seconds,
    round(coalesce(tool_times.tool_ms, 0) / 1000, 1) as tool_seconds
from {{ ref('exchanges') }} as exchanges
left join tool_times
    on exchanges.exchange_id = tool_times.exchange_id
where not exchanges.is_fork_copy
order by exchanges.duration_ms desc nulls last, exchanges.exchange_id asc
limit 10
