{#- dbt is the gate: where rows stand twice, are lost or lead nowhere, a build fails. -#}
{%- set failed -%}
    select check_id || ': ' || coalesce(details, '') as failed_check
    from {{ ref('health_check_trends') }}
    where family = 'integrity' and status = 'FAIL'
    order by check_id
{%- endset -%}
{{ tell_failed_checks(failed) }}
{{ failed }}
