{#- A hash of all columns of a row, as text; `alias` is that of its relation. Only equal or not: it may differ between
    versions of the engine. -#}
{% macro row_hash(alias) -%}
    {{ adapter.dispatch('row_hash', 'opencode_warehouse')(alias) }}
{%- endmacro %}

{% macro default__row_hash(alias) -%}
    cast(hash({{ alias }}) as {{ dbt.type_string() }})
{%- endmacro %}
