{#- A relation of the whole numbers from 1 to n, in the column `column_number`. -#}
{% macro numbers_to(n) -%}
    {{ adapter.dispatch('numbers_to', 'opencode_warehouse')(n) }}
{%- endmacro %}

{% macro default__numbers_to(n) -%}
    (select unnest(range(1, {{ n }} + 1)) as column_number)
{%- endmacro %}
