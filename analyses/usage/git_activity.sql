select
    event_type,
    count(*) as events,
    count(case when is_successful then 1 end) as succeeded,
    count(distinct session_id) as sessions
from {{ ref('git_events') }}
where not is_fork_copy
group by event_type
order by events desc, event_type asc
