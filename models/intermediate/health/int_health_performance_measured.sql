with

timings as (

    select
        query_name,
        n_runs,
        median_ms,
        p95_ms,
        p99_ms,
        usual_median_ms,
        n_earlier,
        threshold_ms,
        n_rows,
        uses_index
    from {{ ref('query_timings') }}

),

checks as (

    select
        check_id,
        replace(check_id, 'query_', '') as query_name
    from {{ ref('health_checks') }}
    where check_id like 'query_%' and check_id != 'query_regressions'

),

-- A query that was never timed has a row as well, and is skipped.
measured as (

    select
        checks.check_id,
        timings.median_ms as measured_value,
        timings.n_runs as n_checked,
        cast(null as bigint) as n_failed,
        cast(null as {{ dbt.type_string() }}) as example,
        'Of ' || timings.n_runs || ' runs, ' || timings.n_rows || ' rows each: 95th percentile '
        || {{ two_places('timings.p95_ms') }} || ' ms'
        || coalesce(', 99th ' || {{ two_places('timings.p99_ms') }} || ' ms', '')
        || coalesce('; usual median ' || {{ two_places('timings.usual_median_ms') }} || ' ms', '')
        || '.' as note
    from checks
    left join timings
        on checks.query_name = timings.query_name

    union all

    select
        {{ health_measure(
            'indexes_used', 'not uses_index', n_checked='count(uses_index)', example='query_name'
        ) }}
    from timings

    union all

    -- a tenth of what is promised is quick, however much quicker it was before
    select
        {{ health_measure(
            'query_regressions',
            'median_ms > 3 * usual_median_ms and median_ms > threshold_ms / 10',
            n_checked='count(usual_median_ms)',
            example='query_name',
        ) }}
    from timings

)

select * from measured
