{#- The names of what the warehouse holds, as rows of one column `relation_name`: `schema.table` for tables and views,
    `schema.table(columns)` for indexes. -#}
{% macro existing_relations() -%}
    {{ adapter.dispatch('existing_relations', 'opencode_warehouse')() }}
{%- endmacro %}

{% macro default__existing_relations() -%}
    select table_schema || '.' || table_name as relation_name
    from information_schema.tables
    where table_catalog = '{{ target.database }}'

    union all

    select schema_name || '.' || table_name || '(' || translate(expressions, '[]"''', '') || ')' as relation_name
    from duckdb_indexes()
    where database_name = '{{ target.database }}'
{%- endmacro %}
