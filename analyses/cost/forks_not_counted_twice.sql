select
    count(distinct session_id) as forks,
    count(*) as copied_messages,
    round({{ known_usd('sum(message_cost_usd)', 'sum(tokens_unpriced)') }}, 4) as cost_usd,
    sum(tokens_unpriced) as tokens_unpriced
from {{ ref('messages') }}
where is_fork_copy
