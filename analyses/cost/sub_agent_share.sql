select
    case when is_root then 'root sessions' else 'sub-agents' end as who,
    count(*) as sessions,
    sum(step_count) as steps,
    round(sum(cost_usd), 4) as cost_usd,
    round(sum(cost_usd) / sum(sum(cost_usd)) over (), 3) as share_of_cost
from {{ ref('session_traces') }}
group by is_root
order by is_root desc
