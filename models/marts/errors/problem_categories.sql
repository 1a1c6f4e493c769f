with

categories as (

    select *
    from {{ ref('error_categories') }}

),

resolutions as (

    select *
    from {{ ref('problem_resolutions') }}

),

summed as (

    select
        error_category,
        count(*) as occurrences,
        count(distinct fingerprint) as problems,
        count(distinct session_id) as sessions,
        sum(case when is_resolved then 1 else 0 end) as n_resolved,
        median(time_to_resolution_ms) as median_time_to_resolution_ms
    from resolutions
    group by error_category

),

-- A category of which nothing happened has a row with zero occurrences and no rate.
described as (

    select
        -- ids
        categories.error_category,

        -- strings
        categories.severity,
        categories.description,
        categories.remedy,

        -- numbers
        cast(coalesce(summed.occurrences, 0) as bigint) as occurrences,
        cast(coalesce(summed.problems, 0) as bigint) as problems,
        cast(coalesce(summed.sessions, 0) as bigint) as sessions,
        cast(coalesce(summed.n_resolved, 0) as bigint) as n_resolved,
        cast(summed.n_resolved as double) / summed.occurrences as fix_success_rate,
        {{ wilson_lower_bound('summed.n_resolved', 'summed.occurrences') }} as fix_confidence,
        cast(round(summed.median_time_to_resolution_ms) as bigint) as median_time_to_resolution_ms,

        -- booleans
        categories.is_retryable
    from categories
    left join summed
        on categories.error_category = summed.error_category

)

select * from described
