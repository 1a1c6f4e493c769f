select
    projects.display_name as repository,
    count(*) as sessions,
    sum(sessions.additions + sessions.deletions) as lines_changed,
    round(
        100 * {{ known_usd(
            'sum(stats.total_cost_usd_inclusive)', 'sum(stats.total_tokens_unpriced_inclusive)'
        ) }}
        / nullif(sum(sessions.additions + sessions.deletions), 0), 4
    ) as usd_per_100_lines,
    sum(stats.total_tokens_unpriced_inclusive) as tokens_unpriced
from {{ ref('sessions') }} as sessions
inner join {{ ref('session_stats') }} as stats
    on sessions.session_id = stats.session_id
inner join {{ ref('projects') }} as projects
    on sessions.project_id = projects.project_id
where sessions.is_root and sessions.additions + sessions.deletions > 0
group by projects.project_id, projects.display_name
order by lines_changed desc, projects.project_id asc
