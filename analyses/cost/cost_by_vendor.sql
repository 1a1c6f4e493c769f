select
    models.vendor,
    count(distinct models.model_id) as models,
    sum(daily_usage.step_count) as steps,
    round(sum(daily_usage.cost_usd), 4) as cost_usd
from {{ ref('daily_usage') }} as daily_usage
inner join {{ ref('models') }} as models
    on daily_usage.dimension_value = models.model_id
where daily_usage.dimension = 'model'
group by models.vendor
order by cost_usd desc nulls last, models.vendor asc
