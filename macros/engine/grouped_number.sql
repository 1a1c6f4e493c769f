{#- A whole number as a person reads it, with a comma between thousands. -#}
{% macro grouped_number(n) -%}
    {{ adapter.dispatch('grouped_number', 'opencode_warehouse')(n) }}
{%- endmacro %}

{% macro default__grouped_number(n) -%}
    format('{:,}', {{ n }})
{%- endmacro %}
