select
    model_id,
    count(*) as exchanges,
    round(percentile_cont(0.5) within group (order by time_to_first_response_ms)) as p50_ms,
    round(percentile_cont(0.95) within group (order by time_to_first_response_ms)) as p95_ms
from {{ ref('exchanges') }}
where time_to_first_response_ms is not null and not is_fork_copy
group by model_id
order by exchanges desc, model_id asc
