select
    families.tool_family,
    families.tool_name
from {{ ref('tool_families') }} as families
left join {{ ref('tool_calls') }} as tool_calls
    on families.tool_name = tool_calls.tool_name
where tool_calls.tool_name is null
order by families.tool_family, families.tool_name
