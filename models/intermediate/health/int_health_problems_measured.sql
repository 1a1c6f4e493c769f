with

moments as (

    select
        checked_at,
        last_week_since,
        last_month_since,
        has_two_weeks
    from {{ ref('int_health_moments') }}

),

failures as (

    select
        resolutions.error_id,
        resolutions.fingerprint,
        resolutions.is_resolved,
        resolutions.time_to_resolution_ms,
        resolutions.occurred_at,
        moments.last_week_since
    from {{ ref('problem_resolutions') }} as resolutions
    cross join moments
    where
        resolutions.occurred_at > moments.last_month_since
        and resolutions.occurred_at <= moments.checked_at

),

problems as (

    select
        fingerprint,
        count(*) as n_failures
    from failures
    group by fingerprint

),

-- A problem is solved where anybody ever solved it, not only in these days.
known_problems as (

    select
        problems.fingerprint,
        known.n_resolved
    from problems
    inner join {{ ref('problems') }} as known
        on problems.fingerprint = known.fingerprint

),

-- Days with any data: one without a failure counts as 0.
days as (

    select
        daily_stats.usage_date,
        count(distinct failures.fingerprint) as n_problems
    from {{ ref('daily_stats') }} as daily_stats
    cross join moments
    left join failures
        on daily_stats.usage_date = {{ local_date('failures.occurred_at') }}
    where
        daily_stats.usage_date > {{ local_date('moments.last_week_since') }}
        and daily_stats.days_ago is not null
        and moments.has_two_weeks
    group by daily_stats.usage_date

),

shares as (

    select
        coalesce(sum(n_failures), 0) as n_failures,
        max(n_failures) as n_of_largest,
        max_by(fingerprint, n_failures) as largest_fingerprint
    from problems

),

measured as (

    select {{ health_measure('problems_unresolved', 'n_resolved = 0', example='fingerprint') }}
    from known_problems

    union all

    select
        {{ health_measure(
            'resolution_confidence',
            'not is_resolved',
            value=wilson_lower_bound('count(case when is_resolved then 1 end)', 'count(*)'),
            example='error_id',
        ) }}
    from failures

    union all

    select
        {{ health_measure(
            'problems_per_day',
            'n_problems > ' ~ threshold_of('problems_per_day'),
            value='max(n_problems)',
            example='usage_date',
        ) }}
    from days

    union all

    select
        {{ health_measure(
            'dominant_problem',
            n_checked='max(case when n_failures >= 20 then n_failures end)',
            n_failed='max(n_of_largest)',
            note="'Its fingerprint is ' || max(largest_fingerprint) || '.'",
        ) }}
    from shares

    union all

    select
        {{ health_measure(
            'time_to_resolution',
            'time_to_resolution_ms > 3600000 * ' ~ threshold_of('time_to_resolution'),
            value='median(time_to_resolution_ms) / 3600000.0',
            example='error_id',
        ) }}
    from failures
    where time_to_resolution_ms is not null

)

select * from measured
