select
    'turns with an error' as what,
    count(*) as exchanges,
    round({{ known_usd('sum(cost_usd)', 'sum(tokens_unpriced)') }}, 4) as cost_usd,
    sum(tokens_unpriced) as tokens_unpriced
from {{ ref('exchanges') }}
where error_count > 0

union all

select
    'turns without' as what,
    count(*) as exchanges,
    round({{ known_usd('sum(cost_usd)', 'sum(tokens_unpriced)') }}, 4) as cost_usd,
    sum(tokens_unpriced) as tokens_unpriced
from {{ ref('exchanges') }}
where error_count = 0 and not is_fork_copy

union all

select
    'steps that failed themselves' as what,
    count(distinct exchange_id) as exchanges,
    round({{ known_usd('sum(message_cost_usd)', 'sum(tokens_unpriced)') }}, 4) as cost_usd,
    sum(tokens_unpriced) as tokens_unpriced
from {{ ref('messages') }}
where error_name is not null and not is_fork_copy
