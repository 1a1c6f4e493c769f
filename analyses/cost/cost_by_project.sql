select
    projects.display_name as repository,
    count(*) as sessions,
    round(
        {{ known_usd('sum(metrics.total_cost_usd)', 'sum(metrics.total_unpriced_tokens)') }}, 4
    ) as cost_usd,
    sum(metrics.total_unpriced_tokens) as tokens_unpriced,
    round(avg(metrics.total_cost_usd), 4) as cost_per_session_usd
from {{ ref('session_resource_metrics') }} as metrics
inner join {{ ref('projects') }} as projects
    on metrics.project_id = projects.project_id
group by projects.project_id, projects.display_name
order by cost_usd desc nulls last, projects.project_id asc
