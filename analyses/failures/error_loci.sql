select
    locus,
    count(*) as errors,
    count(case when is_consequence then 1 end) as consequences,
    count(distinct session_id) as sessions
from {{ ref('errors') }}
where not is_fork_copy
group by locus
order by errors desc, locus asc
