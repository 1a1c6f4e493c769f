select
    sessions.version,
    count(*) as sessions,
    sum(metrics.step_count) as steps,
    round(
        {{ known_usd('sum(metrics.total_cost_usd)', 'sum(metrics.total_unpriced_tokens)') }}, 4
    ) as cost_usd,
    sum(metrics.total_unpriced_tokens) as tokens_unpriced
from {{ ref('session_resource_metrics') }} as metrics
inner join {{ ref('sessions') }} as sessions
    on metrics.session_id = sessions.session_id
group by sessions.version, sessions.version_sort_key
order by cost_usd desc nulls last, sessions.version_sort_key desc nulls last, sessions.version desc
