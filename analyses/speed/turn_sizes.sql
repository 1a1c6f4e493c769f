select
    exchange_trigger,
    count(*) as exchanges,
    round(avg(step_count), 1) as mean_steps,
    max(step_count) as max_steps,
    round(avg(tool_count), 1) as mean_tools,
    max(tool_count) as max_tools
from {{ ref('exchanges') }}
where not is_fork_copy
group by exchange_trigger
order by exchanges desc, exchange_trigger asc
