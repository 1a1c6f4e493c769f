select
    mcp_server,
    count(distinct tool_name) as tools,
    count(*) as calls,
    round(count(case when status = 'success' then 1 end) * 1.0 / count(*), 3) as success_rate
from {{ ref('tool_calls') }}
where mcp_server is not null and not is_fork_copy
group by mcp_server
order by calls desc, mcp_server asc
