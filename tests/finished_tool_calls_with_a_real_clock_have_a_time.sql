-- A duration is null only where something says why.
select
    tool_call_id,
    status,
    clock_problem
from {{ ref('tool_calls') }}
where (execution_time_ms is null) != (clock_problem is not null)
