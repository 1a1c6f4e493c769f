select
    model_id,
    count(*) as steps,
    round(percentile_cont(0.5) within group (order by duration_ms)) as p50_ms,
    round(percentile_cont(0.95) within group (order by duration_ms)) as p95_ms,
    round(percentile_cont(0.99) within group (order by duration_ms)) as p99_ms
from {{ ref('messages') }}
where role = 'assistant' and not is_fork_copy and duration_ms is not null
group by model_id
order by steps desc, model_id asc
