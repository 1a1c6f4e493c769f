with

days as (

    select *
    from {{ ref('int_calendar_days_costed') }}
    where days_ahead >= 0

),

-- What the month of today has cost before it.
spent as (

    select {{ total_usd('cost_usd', 'tokens_unpriced', where='true') }} as spent_before_today_usd
    from {{ ref('int_calendar_days_costed') }}
    where days_ahead < 0 and month_begins_on = {{ first_day_of('month', 'as_of_date') }}

),

kinds as (

    select
        is_weekend,
        history_day_count,
        used_day_count,
        tokens_unpriced,
        case when is_enough then mean_usd end as mean_usd,
        case when is_enough then variance end as variance,
        case when is_enough then sqrt(variance / weight) end as error_usd
    from {{ ref('int_day_kinds_measured') }}

),

-- Today costs what such a day does, or what it has cost already where that is more.
forecast as (

    select
        days.usage_date,
        days.as_of_date,
        days.days_ahead,
        days.month_begins_on,
        days.is_weekend,
        kinds.history_day_count,
        kinds.used_day_count,
        kinds.tokens_unpriced,
        coalesce(cast(days.cost_usd as double), 0) as spent_usd,
        {{ not_below('kinds.mean_usd', 'coalesce(cast(days.cost_usd as double), 0)') }}
            as expected_usd,
        kinds.variance,
        kinds.error_usd,
        case
            when days.month_begins_on = {{ first_day_of('month', 'days.as_of_date') }}
                then cast(spent.spent_before_today_usd as double)
            else 0
        end as month_spent_usd
    from days
    inner join kinds
        on days.is_weekend = kinds.is_weekend
    cross join spent

)

select * from forecast
