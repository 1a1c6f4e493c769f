select
    count(*) as deleted_messages,
    count(distinct session_id) as sessions,
    round(
        {{ known_usd('coalesce(sum(message_cost_usd), 0)', 'sum(tokens_unpriced)') }}, 4
    ) as cost_usd,
    coalesce(sum(tokens_unpriced), 0) as tokens_unpriced
from {{ ref('messages') }}
where deleted_at is not null and not is_fork_copy
