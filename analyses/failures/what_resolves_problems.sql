select
    resolution_kind,
    count(*) as resolved,
    round(percentile_cont(0.5) within group (order by time_to_resolution_ms) / 1000, 1)
        as median_seconds,
    round(avg(n_tool_calls_between), 1) as mean_tool_calls_between
from {{ ref('problem_resolutions') }}
where is_resolved
group by resolution_kind
order by resolved desc, resolution_kind asc
