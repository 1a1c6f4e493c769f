with

dates as (

    select
        usage_date,
        as_of_date,
        days_ahead,
        {{ first_day_of('week', 'usage_date') }} as week_begins_on,
        {{ first_day_of('month', 'usage_date') }} as month_begins_on
    from {{ ref('int_calendar_days_listed') }}

),

costs as (

    select
        usage_date,
        days_ago,
        step_count,
        tokens_unpriced,
        cost_usd
    from {{ ref('daily_stats') }}

),

first_use as (

    select min(usage_date) as first_used_on
    from costs
    where days_ago is not null

),

-- A day without use cost nothing; what a day cost of which no cost is known is unknown. What comes
-- after today is not known today, whatever the table holds.
costed as (

    select
        dates.usage_date,
        dates.as_of_date,
        dates.days_ahead,
        dates.month_begins_on,
        {{ days_between('dates.week_begins_on', 'dates.usage_date') }} >= 5 as is_weekend,
        coalesce(
            dates.days_ahead < 0 and dates.usage_date >= first_use.first_used_on, false
        ) as is_history,
        dates.days_ahead <= 0 and coalesce(costs.step_count, 0) > 0 as is_used,
        case when dates.days_ahead <= 0 then coalesce(costs.tokens_unpriced, 0) end
            as tokens_unpriced,
        case
            when dates.days_ahead > 0 then null
            when costs.usage_date is null then 0
            else costs.cost_usd
        end as cost_usd
    from dates
    cross join first_use
    left join costs
        on dates.usage_date = costs.usage_date

)

select * from costed
