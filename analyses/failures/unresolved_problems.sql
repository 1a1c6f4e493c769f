select
    error_category,
    tool_name,
    substring(normalized_text, 1, 60) as problem,
    occurrences,
    last_seen_at
from {{ ref('problems') }}
where n_resolved = 0
order by occurrences desc, fingerprint asc
limit 10
