{{ incremental_by_session() }}

with

messages as (

    select
        message_id,
        session_id,
        provider_id,
        model_name,
        tokens_input,
        tokens_output,
        tokens_reasoning,
        tokens_cache_read,
        tokens_cache_write,
        cast(resolved_created_at as date) as created_on,
        coalesce(tokens_input, 0)
        + coalesce(tokens_cache_read, 0)
        + coalesce(tokens_cache_write, 0) as context_tokens
    from {{ changed(ref('int_messages_normalized')) }}
    where role = 'assistant'

),

prices as (

    select
        *,
        -- an `or` in the join would try every price on every message
        coalesce(valid_to, cast('9999-12-31' as date)) as valid_until
    from {{ ref('int_model_prices_unioned') }}

),

-- The price of the message's day, in the highest tier that its context reaches: it prices the whole
-- request.
matched as (

    select
        messages.message_id,
        messages.session_id,
        messages.tokens_input,
        messages.tokens_output,
        messages.tokens_reasoning,
        messages.tokens_cache_read,
        messages.tokens_cache_write,
        messages.context_tokens,
        prices.price_id,
        prices.source as price_source,
        prices.context_min_tokens as price_context_min_tokens,
        prices.valid_from as price_valid_from,
        prices.input_token_cost_per_1k,
        prices.output_token_cost_per_1k,
        prices.cache_read_token_cost_per_1k,
        prices.cache_write_token_cost_per_1k,
        prices.reasoning_token_cost_per_1k,
        coalesce(prices.is_free, false) as is_free,
        row_number() over (
            partition by messages.message_id
            order by prices.context_min_tokens desc nulls last, prices.price_id asc
        ) as tier_rank
    from messages
    left join prices
        on
            messages.provider_id = prices.provider_id
            and messages.model_name = prices.model_name
            and messages.created_on >= prices.valid_from
            and messages.created_on < prices.valid_until
            and messages.context_tokens >= prices.context_min_tokens

),

itemized as (

    select
        *,
        {{ tokens_usd('tokens_input', 'input_token_cost_per_1k') }} as input_usd,
        {{ tokens_usd('tokens_output', 'output_token_cost_per_1k') }} as output_usd,
        {{ tokens_usd(
            'tokens_reasoning', 'coalesce(reasoning_token_cost_per_1k, output_token_cost_per_1k)'
        ) }} as reasoning_usd,
        {{ tokens_usd('tokens_cache_read', 'cache_read_token_cost_per_1k') }} as cache_read_usd,
        {{ tokens_usd('tokens_cache_write', 'cache_write_token_cost_per_1k') }} as cache_write_usd
    from matched
    where tier_rank = 1

),

-- The sum alone is rounded, and one with an unknown part is unknown.
estimated as (

    select
        message_id,
        session_id,
        context_tokens,
        price_id,
        price_source,
        price_context_min_tokens,
        price_valid_from,
        input_token_cost_per_1k,
        output_token_cost_per_1k,
        is_free,
        coalesce(tokens_input, 0) != 0
        or coalesce(tokens_output, 0) != 0
        or coalesce(tokens_reasoning, 0) != 0
        or coalesce(tokens_cache_read, 0) != 0
        or coalesce(tokens_cache_write, 0) != 0 as has_tokens,
        case
            when is_free then cast(0 as decimal(18, 10))
            when price_id is not null and (tokens_input is not null or tokens_output is not null)
                then
                    try_cast(
                        input_usd
                        + output_usd
                        + reasoning_usd
                        + cache_read_usd
                        + cache_write_usd
                        as decimal(18, 10)
                    )
        end as cost_estimated_usd
    from itemized

)

select * from estimated
