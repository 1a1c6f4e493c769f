select
    model_id,
    count(*) as steps,
    sum(tokens_total) as tokens
from {{ ref('messages') }}
where role = 'assistant' and not is_fork_copy and cost_source = 'unpriced'
group by model_id
order by tokens desc nulls last, model_id asc
