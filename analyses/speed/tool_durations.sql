select
    tool_name,
    count(execution_time_ms) as calls,
    round(percentile_cont(0.5) within group (order by execution_time_ms)) as p50_ms,
    round(percentile_cont(0.95) within group (order by execution_time_ms)) as p95_ms,
    round(percentile_cont(0.99) within group (order by execution_time_ms)) as p99_ms
from {{ ref('tool_calls') }}
where not is_fork_copy and execution_time_ms is not null
group by tool_name
order by calls desc, tool_name asc
