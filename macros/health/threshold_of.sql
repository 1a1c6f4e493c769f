{#- The bound of a health check, as the seed has it, for the measure that counts the rows beyond it. -#}
{% macro threshold_of(check_id) -%}
    (
        select threshold
        from {{ ref('health_checks') }}
        where check_id = '{{ check_id }}'
    )
{%- endmacro %}
