select
    models.vendor,
    count(distinct models.model_id) as models,
    sum(daily_usage.step_count) as steps,
    round(
        {{ known_usd('sum(daily_usage.cost_usd)', 'sum(daily_usage.tokens_unpriced)') }}, 4
    ) as cost_usd,
    sum(daily_usage.tokens_unpriced) as tokens_unpriced
from {{ ref('daily_usage') }} as daily_usage
inner join {{ ref('models') }} as models
    on daily_usage.dimension_value = models.model_id
where daily_usage.dimension = 'model'
group by models.vendor
order by cost_usd desc nulls last, models.vendor asc
