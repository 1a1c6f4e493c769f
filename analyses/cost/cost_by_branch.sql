select
    split_part(projects.worktree, '/', -1) as repository,
    costs.git_branch,
    count(distinct costs.session_id) as sessions,
    count(*) as steps,
    round(sum(costs.cost_usd), 4) as cost_usd
from {{ ref('message_costs') }} as costs
inner join {{ ref('sessions') }} as sessions
    on costs.session_id = sessions.session_id
inner join {{ ref('projects') }} as projects
    on sessions.project_id = projects.project_id
where costs.git_branch is not null and not costs.is_fork_copy
group by projects.project_id, projects.worktree, costs.git_branch
order by cost_usd desc nulls last, repository asc, costs.git_branch asc
