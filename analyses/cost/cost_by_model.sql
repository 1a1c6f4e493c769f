select
    dimension_value as model_id,
    sum(step_count) as steps,
    sum(tokens_input) as tokens_input,
    sum(tokens_output) as tokens_output,
    sum(tokens_cache_read) as tokens_cache_read,
    round({{ known_usd('sum(cost_usd)', 'sum(tokens_unpriced)') }}, 4) as cost_usd,
    sum(tokens_unpriced) as tokens_unpriced,
    round(
        {{ known_usd('sum(cost_usd)', 'sum(tokens_unpriced)') }}
        * 1000000 / nullif(sum(tokens_output + tokens_reasoning), 0), 2
    ) as usd_per_million_output_tokens
from {{ ref('daily_usage') }}
where dimension = 'model'
group by dimension_value
order by cost_usd desc nulls last, model_id asc
