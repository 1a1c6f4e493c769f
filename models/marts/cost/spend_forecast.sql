with

days as (

    select *
    from {{ ref('int_days_forecast') }}

),

-- Days differ each for itself, so their variances add up. The mean is wrong for all of them in one
-- direction, so its errors add up themselves.
summed as (

    select
        *,
        sqrt(variance + error_usd * error_usd) as sd_usd,
        month_spent_usd + sum(spent_usd) over (
            partition by month_begins_on order by usage_date
            rows between unbounded preceding and current row
        ) as month_least_usd,
        month_spent_usd + sum(expected_usd) over (
            partition by month_begins_on order by usage_date
            rows between unbounded preceding and current row
        ) as month_expected_usd,
        sum(variance) over (
            partition by month_begins_on order by usage_date
            rows between unbounded preceding and current row
        ) as month_variance,
        sum(error_usd) over (
            partition by month_begins_on order by usage_date
            rows between unbounded preceding and current row
        ) as month_error_usd
    from days

),

spread as (

    select
        *,
        sqrt(month_variance + month_error_usd * month_error_usd) as month_sd_usd
    from summed

),

-- 80 % of a normal distribution are within 1.2816 standard deviations, 95 % within 1.96.
described as (

    select
        -- time
        usage_date as forecast_date,

        -- numbers: of the day
        cast(days_ahead as bigint) as days_ahead,
        {{ as_usd('expected_usd') }} as expected_usd,
        {{ as_usd(not_below('expected_usd - 1.2816 * sd_usd', 'spent_usd')) }} as low_80_usd,
        {{ as_usd('expected_usd + 1.2816 * sd_usd') }} as high_80_usd,
        {{ as_usd(not_below('expected_usd - 1.96 * sd_usd', 'spent_usd')) }} as low_95_usd,
        {{ as_usd('expected_usd + 1.96 * sd_usd') }} as high_95_usd,

        -- numbers: of its month up to and with it
        {{ as_usd('month_expected_usd') }} as month_expected_usd,
        {{ as_usd(not_below('month_expected_usd - 1.2816 * month_sd_usd', 'month_least_usd')) }}
            as month_low_80_usd,
        {{ as_usd('month_expected_usd + 1.2816 * month_sd_usd') }} as month_high_80_usd,
        {{ as_usd(not_below('month_expected_usd - 1.96 * month_sd_usd', 'month_least_usd')) }}
            as month_low_95_usd,
        {{ as_usd('month_expected_usd + 1.96 * month_sd_usd') }} as month_high_95_usd,

        -- numbers: what it is made of
        history_day_count,
        used_day_count,
        cast(tokens_unpriced as bigint) as history_tokens_unpriced,

        -- booleans
        is_weekend,
        usage_date = {{ last_day_of_month('usage_date') }} as is_month_end,

        -- dates
        month_begins_on,
        as_of_date
    from spread

)

select * from described
