select
    cost_source,
    count(*) as steps,
    sum(tokens_total) as tokens,
    round({{ known_usd('sum(message_cost_usd)', 'sum(tokens_unpriced)') }}, 4) as cost_usd,
    sum(tokens_unpriced) as tokens_unpriced
from {{ ref('messages') }}
where role = 'assistant' and not is_fork_copy
group by cost_source
order by steps desc, cost_source asc
