select
    tool_calls.tool_family,
    tool_calls.tool_name,
    count(*) as calls,
    count(distinct tool_calls.session_id) as sessions,
    count(distinct messages.agent) as agents
from {{ ref('tool_calls') }} as tool_calls
inner join {{ ref('messages') }} as messages
    on tool_calls.message_id = messages.message_id
where not tool_calls.is_fork_copy
group by tool_calls.tool_family, tool_calls.tool_name
order by calls desc, tool_calls.tool_name asc
