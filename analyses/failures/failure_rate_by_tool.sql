select
    tool_name,
    count(*) as finished,
    count(case when status != 'success' then 1 end) as failed,
    round(count(case when status != 'success' then 1 end) * 1.0 / count(*), 3) as failure_rate
from {{ ref('tool_calls') }}
where not is_fork_copy and status != 'running'
group by tool_name
order by failed desc, tool_name asc
