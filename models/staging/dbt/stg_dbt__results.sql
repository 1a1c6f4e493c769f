with

results as (

    select
        invocation_id,
        unique_id,
        resource_type,
        name,
        status,
        message,
        execution_ms,
        n_failures,
        age_ms,
        started_at,
        ended_at,
        max_loaded_at
    from {{ source('dbt', 'dbt_results') }}

)

select * from results
