select
    error_category,
    occurrences as errors,
    n_resolved as resolved,
    round(fix_success_rate, 2) as fix_success_rate,
    round(fix_confidence, 2) as fix_confidence,
    round(median_time_to_resolution_ms / 1000, 1) as median_seconds
from {{ ref('problem_categories') }}
where occurrences > 0
order by fix_confidence desc nulls last, error_category asc
