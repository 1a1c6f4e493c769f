with

timings as (

    select
        query_name,
        n_runs,
        median_ms,
        p95_ms,
        n_rows,
        uses_index
    from {{ ref('query_timings') }}

),

checks as (

    select
        check_id,
        replace(check_id, 'query_', '') as query_name
    from {{ ref('health_checks') }}
    where family = 'performance' and check_id != 'indexes_used'

),

-- A query that was never timed has a row as well, and is skipped.
measured as (

    select
        checks.check_id,
        timings.p95_ms as measured_value,
        timings.n_runs as n_checked,
        cast(null as bigint) as n_failed,
        cast(null as {{ dbt.type_string() }}) as example,
        'Median '
        || cast(cast(timings.median_ms as decimal(18, 2)) as {{ dbt.type_string() }})
        || ' ms over ' || timings.n_runs || ' runs, ' || timings.n_rows || ' rows.' as note
    from checks
    left join timings
        on checks.query_name = timings.query_name

    union all

    select
        {{ health_measure(
            'indexes_used', 'not uses_index', n_checked='count(uses_index)', example='query_name'
        ) }}
    from timings

)

select * from measured
