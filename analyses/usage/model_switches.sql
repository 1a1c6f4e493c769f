with

used as (

    select
        session_id,
        count(distinct model_id) as models_in_session,
        sum(message_cost_usd) as cost_usd
    from {{ ref('messages') }}
    where role = 'assistant' and not is_fork_copy
    group by session_id

)

select
    models_in_session,
    count(*) as sessions,
    round(sum(cost_usd), 4) as cost_usd
from used
group by models_in_session
order by models_in_session
