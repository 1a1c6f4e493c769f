{#-
    A FROM item with one row for each item of a list of the row before it: columns `item_index` (from 0) and `item`.
    `list` is a column. Of an expression DuckDB would join the items back by the text that the list is made of.
-#}
{% macro array_rows(list, alias) -%}
    {%- if not modules.re.fullmatch('[a-z_]+[.][a-z_]+', list) -%}
        {{ exceptions.raise_compiler_error(
            "array_rows() needs a column, such as listed.items, and got " ~ list ~ ". Make the list in a CTE before."
        ) }}
    {%- endif -%}
    {{ adapter.dispatch('array_rows', 'opencode_warehouse')(list, alias) }}
{%- endmacro %}

{% macro default__array_rows(list, alias) -%}
    cross join lateral (
        select
            cast(unnest(range(len({{ list }}))) as bigint) as item_index,
            cast(unnest({{ list }}) as {{ dbt.type_string() }}) as item
    ) as {{ alias }}
{%- endmacro %}
