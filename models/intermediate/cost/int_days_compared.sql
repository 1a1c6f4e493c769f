{%- set n_window_days = 28 -%}
{%- set n_least_days = 7 -%}

with

-- Days without use, days of which nothing is known, and days that cannot be are in no window:
-- neither is a day that cost nothing.
days as (

    select
        usage_date,
        cost_usd,
        tokens_unpriced,
        row_number() over (order by usage_date) as day_number
    from {{ ref('daily_stats') }}
    where step_count > 0 and cost_usd is not null and days_ago is not null

),

windows as (

    select
        days.usage_date,
        count(*) as window_day_count,
        median(cast(earlier.cost_usd as double)) as median_usd,
        avg(cast(earlier.cost_usd as double)) as mean_usd,
        stddev_samp(cast(earlier.cost_usd as double)) as sd_usd
    from days
    inner join days as earlier
        on
            days.day_number > earlier.day_number
            and days.day_number - {{ n_window_days }} <= earlier.day_number
    group by days.usage_date

),

-- Rounded to the place that money has, so that exactly the limit is not above it.
compared as (

    select
        days.usage_date,
        days.cost_usd,
        days.tokens_unpriced,
        coalesce(windows.window_day_count, 0) as window_day_count,
        {{ as_usd('windows.median_usd') }} as baseline_usd,
        {{ as_usd('windows.mean_usd') }} as mean_usd,
        {{ as_usd('windows.sd_usd') }} as sd_usd
    from days
    left join windows
        on
            days.usage_date = windows.usage_date
            and windows.window_day_count >= {{ n_least_days }}

)

select * from compared
