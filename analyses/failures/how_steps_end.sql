select
    coalesce(finish_reason, 'none: failed, aborted or killed') as finish_reason,
    count(*) as steps
from {{ ref('messages') }}
where role = 'assistant' and not is_fork_copy
group by finish_reason
order by steps desc, finish_reason asc
