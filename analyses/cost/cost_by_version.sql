select
    sessions.version,
    count(*) as sessions,
    sum(metrics.step_count) as steps,
    round(sum(metrics.total_cost_usd), 4) as cost_usd
from {{ ref('session_resource_metrics') }} as metrics
inner join {{ ref('sessions') }} as sessions
    on metrics.session_id = sessions.session_id
group by sessions.version
order by cost_usd desc nulls last, sessions.version asc
