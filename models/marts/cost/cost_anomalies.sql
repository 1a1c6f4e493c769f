with

days as (

    select
        usage_date,
        cost_usd,
        tokens_unpriced,
        window_day_count,
        baseline_usd,
        mean_usd,
        sd_usd,
        cost_usd > 2 * baseline_usd as is_over_twice_baseline,
        cost_usd > mean_usd + 2 * sd_usd as is_over_two_sd
    from {{ ref('int_days_compared') }}
    where baseline_usd is not null

),

usage as (

    select
        usage_date,
        dimension,
        dimension_value,
        cost_usd,
        row_number() over (
            partition by usage_date, dimension
            order by cost_usd desc nulls last, dimension_value asc
        ) as rank_of_day
    from {{ ref('daily_usage') }}
    where dimension in ('project', 'model')

),

described as (

    select
        -- time
        days.usage_date,

        -- what drove it
        projects.dimension_value as top_project_id,
        models.dimension_value as top_model_id,

        -- numbers
        days.cost_usd,
        days.baseline_usd,
        cast(days.cost_usd as double) / nullif(cast(days.baseline_usd as double), 0)
            as cost_to_baseline_ratio,
        days.mean_usd,
        days.sd_usd,
        days.window_day_count,
        projects.cost_usd as top_project_cost_usd,
        models.cost_usd as top_model_cost_usd,
        days.tokens_unpriced,

        -- booleans
        days.is_over_twice_baseline,
        days.is_over_two_sd
    from days
    left join usage as projects
        on
            days.usage_date = projects.usage_date
            and projects.dimension = 'project'
            and projects.rank_of_day = 1
    left join usage as models
        on
            days.usage_date = models.usage_date
            and models.dimension = 'model'
            and models.rank_of_day = 1
    where days.is_over_twice_baseline or days.is_over_two_sd

)

select * from described
