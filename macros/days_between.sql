{#- Whole days from one date to a later one; negative where it is earlier. -#}
{% macro days_between(first_date, second_date) -%}
    {{ dbt.datediff(first_date, second_date, 'day') | trim }}
{%- endmacro %}
