select
    dimension_value as tool_name,
    sum(tool_call_count) as calls,
    sum(
        tokens_input + tokens_output + tokens_reasoning + tokens_cache_read + tokens_cache_write
    ) as tokens,
    round({{ known_usd('sum(cost_usd)', 'sum(tokens_unpriced)') }}, 4) as cost_usd,
    sum(tokens_unpriced) as tokens_unpriced,
    round(
        {{ known_usd('sum(cost_usd)', 'sum(tokens_unpriced)') }} / sum(sum(cost_usd)) over (), 3
    ) as share_of_cost
from {{ ref('daily_usage') }}
where dimension = 'tool'
group by dimension_value
order by cost_usd desc nulls last, tool_name asc
