select
    tool_name,
    substring(title, 1, 40) as title,
    status,
    round(execution_time_ms / 1000, 2) as seconds
from {{ ref('tool_calls') }}
where not is_fork_copy
order by execution_time_ms desc nulls last, tool_call_id asc
limit 10
