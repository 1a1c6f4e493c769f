select
    agent,
    count(*) as calls,
    count(case when status = 'success' then 1 end) as succeeded,
    round(avg(duration_ms) / 1000, 1) as mean_seconds,
    round(
        {{ known_usd('sum(child_cost_usd_inclusive)', 'sum(child_tokens_unpriced_inclusive)') }}, 4
    ) as cost_usd,
    sum(child_tokens_unpriced_inclusive) as tokens_unpriced
from {{ ref('delegations') }}
where not is_fork_copy
group by agent
order by calls desc, agent asc
