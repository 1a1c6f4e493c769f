select
    count(*) as deleted_messages,
    count(distinct session_id) as sessions,
    round(coalesce(sum(message_cost_usd), 0), 4) as cost_usd
from {{ ref('messages') }}
where deleted_at is not null and not is_fork_copy
