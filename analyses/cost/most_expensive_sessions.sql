select
    stats.title,
    stats.model_id,
    stats.total_exchanges as exchanges,
    round(stats.total_cost_usd, 4) as own_usd,
    round(stats.total_cost_usd_inclusive, 4) as with_sub_agents_usd,
    stats.total_tokens_unpriced_inclusive as tokens_unpriced
from {{ ref('session_stats') }} as stats
where stats.is_root
order by stats.total_cost_usd_inclusive desc nulls last, stats.session_id asc
limit 10
