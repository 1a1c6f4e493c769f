{#- A FROM item with one row for each item of a list of the row before it: columns `item_index` (from 0) and `item`. -#}
{% macro array_rows(list, alias) -%}
    {{ adapter.dispatch('array_rows', 'opencode_warehouse')(list, alias) }}
{%- endmacro %}

{% macro default__array_rows(list, alias) -%}
    cross join lateral (
        select
            cast(unnest(range(len({{ list }}))) as bigint) as item_index,
            cast(unnest({{ list }}) as {{ dbt.type_string() }}) as item
    ) as {{ alias }}
{%- endmacro %}
