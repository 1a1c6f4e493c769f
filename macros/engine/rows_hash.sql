{#- A hash of all rows of a group, whatever their order; `columns` are expressions, null among them. Only equal or not: it
    may differ between versions of the engine. -#}
{% macro rows_hash(columns) -%}
    {{ adapter.dispatch('rows_hash', 'opencode_warehouse')(columns) }}
{%- endmacro %}

{% macro default__rows_hash(columns) -%}
    cast(sum(cast(hash({{ columns | join(', ') }}) as hugeint)) as {{ dbt.type_string() }})
{%- endmacro %}
