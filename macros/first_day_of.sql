{#- The first day of a date's week (Monday) or month. -#}
{% macro first_day_of(period, day) -%}
    cast({{ dbt.date_trunc(period, day) | trim }} as date)
{%- endmacro %}
