with

invocations as (

    select
        invocation_id,
        command,
        dbt_version,
        started_at
    from {{ ref('stg_dbt__invocations') }}

),

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
    from {{ ref('stg_dbt__results') }}

),

-- One row per invocation on the left, so nothing is multiplied.
ordered as (

    select
        results.*,
        invocations.command,
        invocations.dbt_version,
        invocations.started_at as invocation_started_at,
        row_number() over (
            partition by results.unique_id
            order by invocations.started_at desc, invocations.invocation_id desc
        ) as recency
    from results
    inner join invocations
        on results.invocation_id = invocations.invocation_id

),

described as (

    select
        -- ids
        invocation_id || ':' || unique_id as build_result_id,
        invocation_id,
        unique_id,

        -- strings
        command,
        dbt_version,
        resource_type,
        name,
        status,
        message,

        -- numbers
        execution_ms,
        n_failures,
        age_ms,

        -- booleans
        status in ('error', 'fail', 'runtime error', 'partial success') as is_failed,
        recency = 1 as is_latest,

        -- timestamps
        invocation_started_at,
        started_at,
        ended_at,
        max_loaded_at
    from ordered

)

select * from described
