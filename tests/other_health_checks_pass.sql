{#- What else broke its threshold: figures are there, and somebody should look. -#}
{{ config(severity='warn') }}
{%- set failed -%}
    select check_id || ': ' || coalesce(details, '') as failed_check
    from {{ ref('health_check_trends') }}
    where status = 'WARN' or (status = 'FAIL' and family != 'integrity')
    order by check_id
{%- endset -%}
{{ tell_failed_checks(failed) }}
{{ failed }}
