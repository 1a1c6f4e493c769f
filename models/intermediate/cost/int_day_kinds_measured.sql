{#- As many days of the overall kind as weekends and weekdays are each drawn to it by. -#}
{%- set n_prior_days = 7 -%}
{%- set n_least_days = 14 -%}
{%- set n_least_used_days = 7 -%}

with

days as (

    select
        is_weekend,
        is_used,
        tokens_unpriced,
        cast(cost_usd as double) as cost_usd
    from {{ ref('int_calendar_days_costed') }}
    where is_history and cost_usd is not null

),

overall as (

    select
        count(*) as history_day_count,
        count(case when is_used then 1 end) as used_day_count,
        coalesce(sum(tokens_unpriced), 0) as tokens_unpriced,
        avg(cost_usd) as mean_usd,
        var_samp(cost_usd) as variance
    from days

),

kinds as (

    select true as is_weekend
    union all
    select false as is_weekend

),

by_kind as (

    select
        kinds.is_weekend,
        count(days.cost_usd) as kind_day_count,
        coalesce(sum(days.cost_usd), 0) as kind_total_usd,
        coalesce(var_pop(days.cost_usd), 0) * count(days.cost_usd) as kind_squares
    from kinds
    left join days
        on kinds.is_weekend = days.is_weekend
    group by kinds.is_weekend

),

-- Mean and variance of each kind of day, drawn to those of all days as far as it has few days.
measured as (

    select
        by_kind.is_weekend,
        overall.history_day_count,
        overall.used_day_count,
        overall.tokens_unpriced,
        overall.history_day_count >= {{ n_least_days }}
        and overall.used_day_count >= {{ n_least_used_days }} as is_enough,
        by_kind.kind_day_count + {{ n_prior_days }} as weight,
        round(
            (by_kind.kind_total_usd + {{ n_prior_days }} * overall.mean_usd)
            / (by_kind.kind_day_count + {{ n_prior_days }}), 10
        ) as mean_usd,
        round(
            (by_kind.kind_squares + {{ n_prior_days }} * overall.variance)
            / (by_kind.kind_day_count + {{ n_prior_days }}), 10
        ) as variance
    from by_kind
    cross join overall

)

select * from measured
