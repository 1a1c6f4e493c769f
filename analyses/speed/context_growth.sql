with

steps as (

    select
        tokens_input + tokens_cache_read + tokens_cache_write as context_tokens,
        row_number() over (
            partition by session_id
            order by created_at asc, message_id asc
        ) as step_of_session
    from {{ ref('messages') }}
    where role = 'assistant' and tokens_total > 0

)

select
    step_of_session,
    count(*) as sessions,
    round(percentile_cont(0.5) within group (order by context_tokens)) as median_context_tokens
from steps
group by step_of_session
having count(*) >= 3
order by step_of_session
