-- Every assistant message belongs to exactly one turn, of its own session, and to one event of it.
with

steps as (

    select
        message_id,
        session_id,
        exchange_id
    from {{ ref('messages') }}
    where role = 'assistant'

),

exchanges as (

    select
        exchange_id,
        session_id,
        count(*) over (partition by exchange_id) as n_exchanges
    from {{ ref('exchanges') }}

),

events as (

    select
        message_id,
        exchange_id,
        count(*) as n_events
    from {{ ref('exchange_traces') }}
    where event_type = 'step_finish'
    group by
        message_id,
        exchange_id

),

misplaced as (

    select steps.message_id
    from steps
    left join exchanges
        on steps.exchange_id = exchanges.exchange_id
    left join events
        on
            steps.message_id = events.message_id
            and steps.exchange_id = events.exchange_id
    where
        exchanges.exchange_id is null
        or exchanges.session_id != steps.session_id
        or exchanges.n_exchanges != 1
        or coalesce(events.n_events, 0) != 1

)

select * from misplaced
