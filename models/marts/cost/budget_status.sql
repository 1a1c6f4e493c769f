with

budgets as (

    select
        *,
        {{ days_between('period_begins_on', 'as_of_date') }} as elapsed_days,
        {{ days_between('as_of_date', 'period_ends_on') }} as days_left
    from {{ ref('int_budgets_dated') }}

),

spent as (

    select *
    from {{ ref('int_budgets_summed') }}

),

-- Whole days before today set the rate, as today is not over yet.
rated as (

    select
        budgets.budget_name,
        budgets.period,
        budgets.project,
        budgets.amount_usd,
        budgets.as_of_date,
        budgets.period_begins_on,
        budgets.period_ends_on,
        spent.is_known_project,
        spent.tokens_unpriced,
        spent.spent_recorded_usd,
        spent.spent_usd,
        spent.spent_before_today_usd,
        spent.spent_today_usd,
        budgets.elapsed_days,
        budgets.days_left,
        {{ as_usd(
            'cast(spent.spent_before_today_usd as double) / nullif(budgets.elapsed_days, 0)'
        ) }} as usd_per_day
    from budgets
    inner join spent
        on budgets.budget_name = spent.budget_name

),

-- Today costs what a day does, or what it has cost already where that is more.
projected as (

    select
        *,
        spent_before_today_usd + usd_per_day * days_left
        + case
            when spent_today_usd > usd_per_day then spent_today_usd else usd_per_day
        end as projected_usd
    from rated

),

described as (

    select
        -- what
        budget_name,
        period,
        project,
        case
            when spent_usd is null then 'unknown'
            when spent_usd > amount_usd then 'over'
            when projected_usd > amount_usd then 'at_risk'
            else 'ok'
        end as budget_status,

        -- numbers
        amount_usd as budget_usd,
        spent_usd,
        spent_recorded_usd,
        cast(projected_usd as decimal(18, 10)) as projected_usd,
        tokens_unpriced,
        cast(spent_usd as double) / nullif(cast(amount_usd as double), 0) as spent_share,
        cast(elapsed_days as double) / (elapsed_days + 1 + days_left) as elapsed_share,

        -- booleans
        is_known_project,
        spent_usd > amount_usd as is_over,
        projected_usd > amount_usd as is_projected_over,

        -- dates
        as_of_date,
        period_begins_on,
        period_ends_on
    from projected

)

select * from described
