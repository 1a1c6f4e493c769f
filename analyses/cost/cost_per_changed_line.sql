select
    split_part(projects.worktree, '/', -1) as repository,
    count(*) as sessions,
    sum(sessions.additions + sessions.deletions) as lines_changed,
    round(
        100 * sum(stats.total_cost_usd_inclusive)
        / nullif(sum(sessions.additions + sessions.deletions), 0), 4
    ) as usd_per_100_lines
from {{ ref('sessions') }} as sessions
inner join {{ ref('session_stats') }} as stats
    on sessions.session_id = stats.session_id
inner join {{ ref('projects') }} as projects
    on sessions.project_id = projects.project_id
where sessions.is_root and sessions.additions + sessions.deletions > 0
group by projects.project_id, projects.worktree
order by lines_changed desc, projects.project_id asc
