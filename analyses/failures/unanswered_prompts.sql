select
    substring(prompt_input, 1, 40) as prompt,
    started_at,
    case when is_answered then 'killed while answering' else 'never answered' end as what_happened
from {{ ref('exchanges') }}
where not is_fork_copy and ended_at is null
order by started_at desc, exchange_id asc
limit 10
