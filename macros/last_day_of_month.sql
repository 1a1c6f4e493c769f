{#- The last day of a date's month. -#}
{% macro last_day_of_month(day) -%}
    cast({{ dbt.last_day(day, 'month') | trim }} as date)
{%- endmacro %}
