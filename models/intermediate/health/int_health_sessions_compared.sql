with

session_messages as (

    select
        session_id,
        coalesce(sum(tokens_total), 0) as tokens_total,
        coalesce(sum(message_cost_usd), 0) as cost_usd
    from {{ ref('messages') }}
    where role = 'assistant' and not is_fork_copy
    group by session_id

),

session_exchanges as (

    select
        session_id,
        sum(
            coalesce(tokens_in, 0) + coalesce(tokens_out, 0) + coalesce(tokens_reasoning, 0)
            + coalesce(tokens_cache_read, 0) + coalesce(tokens_cache_write, 0)
        ) as tokens_total,
        coalesce(sum(cost_usd), 0) as cost_usd
    from {{ ref('exchanges') }}
    group by session_id

),

sessions_compared as (

    select
        session_messages.session_id,
        coalesce(session_exchanges.tokens_total, 0) != session_messages.tokens_total
        or abs(coalesce(session_exchanges.cost_usd, 0) - session_messages.cost_usd) > 0.0000005
            as is_different
    from session_messages
    left join session_exchanges
        on session_messages.session_id = session_exchanges.session_id

)

select * from sessions_compared
