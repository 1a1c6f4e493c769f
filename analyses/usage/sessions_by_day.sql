select
    usage_date,
    new_session_count as new_sessions,
    exchange_count as exchanges,
    tool_call_count as tool_calls,
    error_count as errors
from {{ ref('daily_stats') }}
order by usage_date desc
