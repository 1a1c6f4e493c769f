select
    error_category,
    tool_name,
    substring(normalized_text, 1, 60) as problem,
    occurrences,
    sessions
from {{ ref('problems') }}
order by occurrences desc, fingerprint asc
limit 10
