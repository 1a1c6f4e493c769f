select
    date_trunc('month', usage_date) as month_begin,
    count(*) as days_worked,
    round({{ known_usd('sum(cost_usd)', 'sum(tokens_unpriced)') }}, 4) as cost_usd,
    sum(tokens_unpriced) as tokens_unpriced,
    round(avg(cost_usd), 4) as cost_per_day_usd
from {{ ref('daily_stats') }}
group by date_trunc('month', usage_date)
order by month_begin desc
