-- Both tables are read for totals: they agree message by message.
select
    messages.message_id,
    messages.message_cost_usd,
    message_costs.cost_usd
from {{ ref('messages') }} as messages
left join {{ ref('message_costs') }} as message_costs
    on messages.message_id = message_costs.message_id
where
    (messages.role = 'assistant') != (message_costs.message_id is not null)
    or messages.message_cost_usd != message_costs.cost_usd
    or (messages.message_cost_usd is null) != (message_costs.cost_usd is null)
