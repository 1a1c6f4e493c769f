select
    version,
    count(*) as sessions,
    min(created_at) as first_session,
    max(created_at) as last_session
from {{ ref('sessions') }}
group by version, version_sort_key
order by version_sort_key desc nulls last, version desc
