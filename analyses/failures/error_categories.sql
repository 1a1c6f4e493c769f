select
    error_category,
    severity,
    occurrences as errors,
    sessions,
    is_retryable,
    remedy
from {{ ref('problem_categories') }}
where occurrences > 0
order by occurrences desc, error_category asc
