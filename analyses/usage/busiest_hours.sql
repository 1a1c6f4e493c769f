select
    extract(hour from started_at) as hour_of_day,
    count(*) as exchanges,
    round({{ known_usd('sum(cost_usd)', 'sum(tokens_unpriced)') }}, 4) as cost_usd,
    sum(tokens_unpriced) as tokens_unpriced
from {{ ref('exchanges') }}
where not is_fork_copy and not is_automatic
group by extract(hour from started_at)
order by exchanges desc, hour_of_day asc
