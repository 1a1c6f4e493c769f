select
    usage_date,
    session_count as sessions,
    step_count as steps,
    tokens_input,
    tokens_output,
    tokens_cache_read,
    round(cost_recorded_usd, 4) as recorded_usd,
    round(cost_usd, 4) as cost_usd,
    tokens_unpriced
from {{ ref('daily_stats') }}
order by usage_date desc
