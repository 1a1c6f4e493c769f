select
    status,
    count(*) as todos,
    count(distinct source_session_id) as sessions
from {{ ref('todos') }}
where is_current
group by status
order by todos desc, status asc
