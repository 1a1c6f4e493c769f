{#- What was measured on a day that is gone cannot be measured again: a full refresh keeps it. -#}
{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='health_check_history_id',
    on_schema_change='append_new_columns',
    full_refresh=false,
) }}

with

results as (

    select
        -- ids
        build_id || ':' || check_id as health_check_history_id,
        check_id,
        build_id,

        -- strings
        name,
        family,
        status,
        severity,
        details,

        -- numbers
        value,
        threshold,
        n_checked,
        n_failed,

        -- timestamps
        checked_at
    from {{ ref('health_check_results') }}

)

select * from results
