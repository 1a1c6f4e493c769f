with

invocations as (

    select
        invocation_id,
        command,
        dbt_version,
        project_name,
        target_name,
        selection,
        elapsed_ms,
        is_full_refresh,
        started_at,
        ended_at,
        landed_at
    from {{ source('dbt', 'dbt_invocations') }}

)

select * from invocations
