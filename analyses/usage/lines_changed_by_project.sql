select
    projects.display_name as repository,
    count(*) as sessions,
    coalesce(sum(sessions.additions), 0) as additions,
    coalesce(sum(sessions.deletions), 0) as deletions
from {{ ref('sessions') }} as sessions
inner join {{ ref('projects') }} as projects
    on sessions.project_id = projects.project_id
group by projects.project_id, projects.display_name
order by additions desc, projects.project_id asc
