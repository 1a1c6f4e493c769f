with

used as (

    select
        session_id,
        count(distinct model_id) as models_in_session,
        sum(message_cost_usd) as cost_usd,
        sum(tokens_unpriced) as tokens_unpriced
    from {{ ref('messages') }}
    where role = 'assistant' and not is_fork_copy
    group by session_id

)

select
    models_in_session,
    count(*) as sessions,
    round({{ known_usd('sum(cost_usd)', 'sum(tokens_unpriced)') }}, 4) as cost_usd,
    sum(tokens_unpriced) as tokens_unpriced
from used
group by models_in_session
order by models_in_session
