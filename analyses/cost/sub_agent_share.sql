select
    case when is_root then 'root sessions' else 'sub-agents' end as who,
    count(*) as sessions,
    sum(step_count) as steps,
    round({{ known_usd('sum(cost_usd)', 'sum(tokens_unpriced)') }}, 4) as cost_usd,
    sum(tokens_unpriced) as tokens_unpriced,
    round(
        {{ known_usd('sum(cost_usd)', 'sum(tokens_unpriced)') }} / sum(sum(cost_usd)) over (), 3
    ) as share_of_cost
from {{ ref('session_traces') }}
group by is_root
order by is_root desc
