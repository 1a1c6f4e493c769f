select
    'turns with an error' as what,
    count(*) as exchanges,
    round(sum(cost_usd), 4) as cost_usd
from {{ ref('exchanges') }}
where error_count > 0

union all

select
    'turns without' as what,
    count(*) as exchanges,
    round(sum(cost_usd), 4) as cost_usd
from {{ ref('exchanges') }}
where error_count = 0 and not is_fork_copy

union all

select
    'steps that failed themselves' as what,
    count(distinct exchange_id) as exchanges,
    round(sum(message_cost_usd), 4) as cost_usd
from {{ ref('messages') }}
where error_name is not null and not is_fork_copy
