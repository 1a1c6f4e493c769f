select
    version,
    count(*) as sessions,
    min(created_at) as first_session,
    max(created_at) as last_session
from {{ ref('sessions') }}
group by version
order by last_session desc, version asc
