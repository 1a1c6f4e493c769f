select
    split_part(projects.worktree, '/', -1) as repository,
    count(*) as sessions,
    round(sum(metrics.total_cost_usd), 4) as cost_usd,
    round(avg(metrics.total_cost_usd), 4) as cost_per_session_usd
from {{ ref('session_resource_metrics') }} as metrics
inner join {{ ref('projects') }} as projects
    on metrics.project_id = projects.project_id
group by projects.project_id, projects.worktree
order by cost_usd desc nulls last, projects.project_id asc
