with

timings as (

    select
        query_name,
        measured_at,
        n_runs,
        median_ms,
        p95_ms,
        p99_ms,
        n_rows,
        uses_index,
        row_number() over (
            partition by query_name
            order by measured_at desc
        ) as nth_newest
    from {{ ref('stg_loader__query_timings') }}

),

checks as (

    select
        replace(check_id, 'query_', '') as query_name,
        threshold
    from {{ ref('health_checks') }}
    where family = 'performance'

),

-- What a query usually takes: the median of the medians of up to 30 timings before the newest.
earlier as (

    select
        query_name,
        count(*) as n_earlier,
        median(median_ms) as usual_median_ms
    from timings
    where nth_newest between 2 and 31
    group by query_name
    having count(*) >= 5

),

latest as (

    select
        timings.query_name,
        timings.n_runs,
        timings.n_rows,
        timings.median_ms,
        timings.p95_ms,
        timings.p99_ms,
        earlier.usual_median_ms,
        cast(coalesce(earlier.n_earlier, 0) as bigint) as n_earlier,
        cast(checks.threshold as double) as threshold_ms,
        timings.uses_index,
        timings.measured_at
    from timings
    left join checks
        on timings.query_name = checks.query_name
    left join earlier
        on timings.query_name = earlier.query_name
    where timings.nth_newest = 1

)

select * from latest
