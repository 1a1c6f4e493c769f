select
    count(distinct session_id) as forks,
    count(*) as copied_messages,
    round(sum(message_cost_usd), 4) as cost_usd
from {{ ref('messages') }}
where is_fork_copy
