select
    tool_name,
    round(sum(execution_time_ms) / 1000, 1) as total_seconds,
    round(sum(execution_time_ms) / sum(sum(execution_time_ms)) over (), 3) as share_of_tool_time
from {{ ref('tool_calls') }}
where not is_fork_copy and execution_time_ms is not null
group by tool_name
order by total_seconds desc, tool_name asc
limit 10
