{#- The date so many days after another. -#}
{% macro days_after(n_days, first_date) -%}
    cast({{ dbt.dateadd('day', n_days, first_date) | trim }} as date)
{%- endmacro %}
