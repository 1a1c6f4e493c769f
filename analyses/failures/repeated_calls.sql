with

repeated as (

    select
        session_id,
        tool_name,
        tool_args,
        min(title) as title,
        count(*) as times
    from {{ ref('tool_calls') }}
    where not is_fork_copy and not is_orphan
    group by session_id, tool_name, tool_args
    having count(*) > 1

)

select
    tool_name,
    substring(title, 1, 40) as title,
    sum(times) as times,
    count(*) as sessions
from repeated
group by tool_name, substring(title, 1, 40)
order by times desc, tool_name asc, title asc
limit 10
