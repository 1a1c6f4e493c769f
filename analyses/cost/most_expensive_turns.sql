with

asked as (

    select
        origin_exchange_id,
        count(*) as turns,
        sum(step_count) as steps,
        sum(tool_count) as tools,
        {{ known_usd('sum(cost_usd)', 'sum(tokens_unpriced)') }} as cost_usd,
        sum(tokens_unpriced) as tokens_unpriced
    from {{ ref('exchanges') }}
    where not is_fork_copy
    group by origin_exchange_id

)

select
    substring(exchanges.prompt_input, 1, 40) as prompt,
    asked.turns,
    asked.steps,
    asked.tools,
    round(asked.cost_usd, 4) as cost_usd,
    asked.tokens_unpriced
from asked
inner join {{ ref('exchanges') }} as exchanges
    on asked.origin_exchange_id = exchanges.exchange_id
order by asked.cost_usd desc nulls last, exchanges.exchange_id asc
limit 10
