{%- set today = local_date(as_of_timestamp()) -%}

with

-- The row of each budget that holds today, with the first day of the period that today is in.
budgets as (

    select
        budget_name,
        period,
        project,
        amount_usd,
        {{ today }} as as_of_date,
        case
            when period = 'day' then {{ today }}
            when period = 'week' then {{ first_day_of('week', today) }}
            when period = 'month' then {{ first_day_of('month', today) }}
        end as period_begins_on
    from {{ ref('budgets') }}
    where
        coalesce(valid_from <= {{ today }}, true)
        and coalesce(valid_to > {{ today }}, true)

),

dated as (

    select
        *,
        case
            when period = 'day' then period_begins_on
            when period = 'week'
                then {{ days_after(6, 'period_begins_on') }}
            when period = 'month'
                then {{ last_day_of_month('period_begins_on') }}
        end as period_ends_on
    from budgets

)

select * from dated
