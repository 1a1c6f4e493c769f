select
    extract(hour from started_at) as hour_of_day,
    count(*) as exchanges,
    round(sum(cost_usd), 4) as cost_usd
from {{ ref('exchanges') }}
where not is_fork_copy and not is_automatic
group by extract(hour from started_at)
order by exchanges desc, hour_of_day asc
