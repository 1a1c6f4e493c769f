with

raw_query_timings as (

    select
        measured_at,
        query_name,
        n_runs,
        median_ms,
        p95_ms,
        p99_ms,
        n_rows,
        uses_index
    from {{ source('loader', 'query_timings') }}

)

select * from raw_query_timings
