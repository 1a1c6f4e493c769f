with

asked as (

    select
        origin_exchange_id,
        count(*) as turns,
        sum(step_count) as steps,
        sum(tool_count) as tools,
        sum(cost_usd) as cost_usd
    from {{ ref('exchanges') }}
    where not is_fork_copy
    group by origin_exchange_id

)

select
    substring(exchanges.prompt_input, 1, 40) as prompt,
    asked.turns,
    asked.steps,
    asked.tools,
    round(asked.cost_usd, 4) as cost_usd
from asked
inner join {{ ref('exchanges') }} as exchanges
    on asked.origin_exchange_id = exchanges.exchange_id
order by asked.cost_usd desc nulls last, exchanges.exchange_id asc
limit 10
