select
    compactions.is_auto,
    count(*) as compactions,
    round(avg(compactions.tokens_before)) as mean_tokens_before,
    round(avg(compactions.tokens_after)) as mean_tokens_after,
    round(
        {{ known_usd('sum(messages.message_cost_usd)', 'sum(messages.tokens_unpriced)') }}, 4
    ) as cost_usd,
    sum(messages.tokens_unpriced) as tokens_unpriced
from {{ ref('compactions') }} as compactions
left join {{ ref('messages') }} as messages
    on compactions.summary_message_id = messages.message_id
where not compactions.is_fork_copy and not compactions.is_orphan
group by compactions.is_auto
order by compactions.is_auto desc
