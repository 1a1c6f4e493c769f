{{ incremental_by_session() }}

with

messages as (

    select
        message_id,
        session_id,
        provider_id,
        model_name,
        cost_recorded_usd,
        tokens_reasoning,
        tokens_cache_read,
        tokens_total,
        is_cached_in_input,
        is_reasoning_in_output
    from {{ changed(ref('int_messages_normalized')) }}
    where role = 'assistant'

),

priced as (

    select *
    from {{ changed(ref('int_messages_priced')) }}

),

-- OpenCode records 0 also where it knew no price, where a subscription paid, and where a step
-- failed before anything was counted; of these only the last leaves no tokens.
judged as (

    select
        messages.message_id,
        messages.session_id,
        messages.provider_id,
        messages.model_name,
        messages.cost_recorded_usd,
        coalesce(messages.tokens_total, 0) as tokens_total,
        priced.cost_estimated_usd,
        case
            when messages.cost_recorded_usd != 0 then 'recorded'
            when messages.cost_recorded_usd = 0 and not priced.has_tokens then 'recorded'
            when priced.is_free then 'free'
            when priced.cost_estimated_usd is not null then 'estimated'
            else 'unpriced'
        end as cost_source,
        priced.price_id,
        priced.price_source,
        priced.price_context_min_tokens,
        priced.price_valid_from,
        case
            when messages.cost_recorded_usd != 0
                then messages.cost_recorded_usd - priced.cost_estimated_usd
        end as cost_difference_usd,
        -- what OpenCode's bugs add, at the list price
        case
            when messages.is_reasoning_in_output
                then
                    {{ tokens_usd('messages.tokens_reasoning', 'priced.output_token_cost_per_1k') }}
        end as reasoning_again_usd,
        case
            when messages.is_cached_in_input
                then
                    {{ tokens_usd('messages.tokens_cache_read', 'priced.input_token_cost_per_1k') }}
        end as cached_input_again_usd
    from messages
    inner join priced
        on messages.message_id = priced.message_id

),

-- A bug is named only where it explains the difference to the last recorded digit.
explained as (

    select
        *,
        case
            when abs(cost_difference_usd) <= 0.000000001 then null
            when abs(cost_difference_usd - reasoning_again_usd) <= 0.000000001
                then 'reasoning charged twice'
            when abs(cost_difference_usd - cached_input_again_usd) <= 0.000000001
                then 'cached input charged twice'
        end as known_cost_bug
    from judged

),

costed as (

    select
        -- ids
        message_id,
        session_id,
        provider_id,
        model_name,
        price_id,

        -- strings
        cost_source,
        known_cost_bug,
        price_source,

        -- numbers
        cost_recorded_usd,
        cost_estimated_usd,
        case cost_source
            when 'recorded' then cost_recorded_usd
            when 'estimated' then cost_estimated_usd
            when 'free' then cast(0 as decimal(18, 10))
        end as cost_usd,
        case when cost_source = 'unpriced' then tokens_total else 0 end as tokens_unpriced,
        cost_difference_usd,
        case
            when known_cost_bug is null then cost_recorded_usd
            else cost_recorded_usd - cost_difference_usd
        end as cost_recorded_corrected_usd,
        price_context_min_tokens,

        -- dates
        price_valid_from
    from explained

)

select * from costed
