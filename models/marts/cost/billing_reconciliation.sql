{%- set tolerance = 0.05 -%}

with

bills as (

    select
        *,
        stored_usd - amount_usd as difference_usd
    from {{ ref('int_bills_summed') }}

),

judged as (

    select
        *,
        abs(difference_usd) <= {{ tolerance }} * amount_usd as is_within_tolerance
    from bills

),

described as (

    select
        -- ids
        bill_line_id,
        invoice_id,
        provider_id,

        -- strings
        model_name,
        case
            when is_within_tolerance then 'matches'
            when step_count = 0 then 'nothing_stored'
            when stored_usd is null then 'unpriced'
            when difference_usd < 0 then 'stored_less'
            else 'stored_more'
        end as verdict,

        -- numbers
        amount_usd as billed_usd,
        stored_usd,
        stored_recorded_usd,
        stored_estimated_usd,
        cast(difference_usd as decimal(18, 10)) as difference_usd,
        cast(difference_usd as double) / nullif(cast(amount_usd as double), 0)
            as difference_share,
        tokens_unpriced,
        step_count,

        -- booleans
        is_within_tolerance,

        -- dates
        period_begins_on,
        period_ends_on
    from judged

)

select * from described
