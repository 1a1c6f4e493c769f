select
    projects.display_name as repository,
    costs.git_branch,
    count(distinct costs.session_id) as sessions,
    count(*) as steps,
    round({{ known_usd('sum(costs.cost_usd)', 'sum(costs.tokens_unpriced)') }}, 4) as cost_usd,
    sum(costs.tokens_unpriced) as tokens_unpriced
from {{ ref('message_costs') }} as costs
inner join {{ ref('sessions') }} as sessions
    on costs.session_id = sessions.session_id
inner join {{ ref('projects') }} as projects
    on sessions.project_id = projects.project_id
where costs.git_branch is not null and not costs.is_fork_copy
group by projects.project_id, projects.display_name, costs.git_branch
order by cost_usd desc nulls last, repository asc, costs.git_branch asc
