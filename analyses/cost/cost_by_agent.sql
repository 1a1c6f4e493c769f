select
    dimension_value as agent,
    round(avg(session_count), 1) as sessions_a_day,
    sum(step_count) as steps,
    round({{ known_usd('sum(cost_usd)', 'sum(tokens_unpriced)') }}, 4) as cost_usd,
    sum(tokens_unpriced) as tokens_unpriced,
    round(
        {{ known_usd('sum(cost_usd)', 'sum(tokens_unpriced)') }} / sum(sum(cost_usd)) over (), 3
    ) as share_of_cost
from {{ ref('daily_usage') }}
where dimension = 'agent'
group by dimension_value
order by cost_usd desc nulls last, agent asc
