select
    messages.model_id,
    count(*) as blocks,
    round(avg(thinking.thinking_time_ms)) as mean_ms,
    sum(thinking.thinking_tokens) as tokens_reasoning
from {{ ref('thinking_blocks') }} as thinking
inner join {{ ref('messages') }} as messages
    on thinking.message_id = messages.message_id
where not thinking.is_fork_copy
group by messages.model_id
order by blocks desc, messages.model_id asc
