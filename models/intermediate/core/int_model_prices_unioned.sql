with

listed as (

    select
        provider_id,
        model_name,
        valid_from,
        coalesce(valid_to, cast('9999-12-31' as date)) as ends_on,
        context_min_tokens,
        input_token_cost_per_1k,
        output_token_cost_per_1k,
        cache_read_token_cost_per_1k,
        cache_write_token_cost_per_1k,
        reasoning_token_cost_per_1k,
        source
    from {{ ref('model_pricing') }}

),

own as (

    select
        provider_id,
        model_name,
        coalesce(valid_from, cast('1970-01-01' as date)) as valid_from,
        coalesce(valid_to, cast('9999-12-31' as date)) as ends_on,
        coalesce(context_min_tokens, 0) as context_min_tokens,
        input_token_cost_per_1k,
        output_token_cost_per_1k,
        cache_read_token_cost_per_1k,
        cache_write_token_cost_per_1k,
        reasoning_token_cost_per_1k,
        'own' as source
    from {{ ref('model_pricing_overrides') }}

),

-- Several tiers share the days of their period.
own_periods as (

    select distinct
        provider_id,
        model_name,
        valid_from,
        ends_on
    from own

),

-- Where a listed price begins, and where a price of one's own begins or ends while it holds.
cuts as (

    select
        provider_id,
        model_name,
        valid_from,
        valid_from as starts_on
    from listed

    union distinct

    select
        listed.provider_id,
        listed.model_name,
        listed.valid_from,
        own_periods.valid_from as starts_on
    from listed
    inner join own_periods
        on
            listed.provider_id = own_periods.provider_id
            and listed.model_name = own_periods.model_name
            and listed.valid_from < own_periods.valid_from
            and listed.ends_on > own_periods.valid_from

    union distinct

    select
        listed.provider_id,
        listed.model_name,
        listed.valid_from,
        own_periods.ends_on as starts_on
    from listed
    inner join own_periods
        on
            listed.provider_id = own_periods.provider_id
            and listed.model_name = own_periods.model_name
            and listed.valid_from < own_periods.ends_on
            and listed.ends_on > own_periods.ends_on

),

sliced as (

    select
        *,
        lead(starts_on) over (
            partition by provider_id, model_name, valid_from order by starts_on
        ) as next_starts_on
    from cuts

),

-- What is left of the listed prices once the days with a price of one's own are taken out.
uncovered as (

    select
        listed.provider_id,
        listed.model_name,
        sliced.starts_on as valid_from,
        coalesce(sliced.next_starts_on, listed.ends_on) as ends_on,
        listed.context_min_tokens,
        listed.input_token_cost_per_1k,
        listed.output_token_cost_per_1k,
        listed.cache_read_token_cost_per_1k,
        listed.cache_write_token_cost_per_1k,
        listed.reasoning_token_cost_per_1k,
        listed.source
    from listed
    inner join sliced
        on
            listed.provider_id = sliced.provider_id
            and listed.model_name = sliced.model_name
            and listed.valid_from = sliced.valid_from
    left join own_periods
        on
            sliced.provider_id = own_periods.provider_id
            and sliced.model_name = own_periods.model_name
            and sliced.starts_on >= own_periods.valid_from
            and sliced.starts_on < own_periods.ends_on
    where own_periods.provider_id is null

),

unioned as (

    select *
    from uncovered

    union all

    select *
    from own

),

described as (

    select
        -- ids
        provider_id || '/' || model_name
        || '@' || cast(valid_from as {{ dbt.type_string() }})
        || '+' || cast(context_min_tokens as {{ dbt.type_string() }}) as price_id,
        provider_id,
        model_name,

        -- strings
        source,

        -- numbers
        context_min_tokens,
        input_token_cost_per_1k,
        output_token_cost_per_1k,
        cache_read_token_cost_per_1k,
        cache_write_token_cost_per_1k,
        reasoning_token_cost_per_1k,

        -- booleans: a part that is not named costs nothing where the rest is free
        coalesce(
            input_token_cost_per_1k = 0
            and output_token_cost_per_1k = 0
            and coalesce(cache_read_token_cost_per_1k, 0) = 0
            and coalesce(cache_write_token_cost_per_1k, 0) = 0
            and coalesce(reasoning_token_cost_per_1k, 0) = 0,
            false
        ) as is_free,

        -- dates
        valid_from,
        nullif(ends_on, cast('9999-12-31' as date)) as valid_to
    from unioned

)

select * from described
