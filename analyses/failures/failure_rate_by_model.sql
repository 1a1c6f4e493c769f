with

calls as (

    select
        message_id,
        count(*) as tool_calls,
        count(case when status in ('error', 'timeout') then 1 end) as failed_calls
    from {{ ref('tool_calls') }}
    where status != 'running' and not is_orphan
    group by message_id

)

select
    messages.model_id,
    count(*) as steps,
    count(messages.error_name) as failed_steps,
    round(count(messages.error_name) * 1.0 / count(*), 3) as step_failure_rate,
    coalesce(sum(calls.tool_calls), 0) as tool_calls,
    round(sum(calls.failed_calls) * 1.0 / nullif(sum(calls.tool_calls), 0), 3) as tool_failure_rate
from {{ ref('messages') }} as messages
left join calls
    on messages.message_id = calls.message_id
where messages.role = 'assistant' and not messages.is_fork_copy
group by messages.model_id
order by steps desc, messages.model_id asc
