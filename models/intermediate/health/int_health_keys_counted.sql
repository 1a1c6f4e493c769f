{{ depend_on_checked_tables() }}
{%- set keys = declared_tests('unique') %}

with

counted as (
    {% for key in keys %}
        select
            '{{ key.table }}.{{ key.column }}' as column_name,
            count({{ key.column }}) as n_values,
            count(distinct {{ key.column }}) as n_distinct
        from {{ ref(key.table) }}
        {{ 'union all' if not loop.last }}
    {% else %}
        select
            cast(null as {{ dbt.type_string() }}) as column_name,
            cast(null as bigint) as n_values,
            cast(null as bigint) as n_distinct
        where 1 = 0
    {% endfor %}

)

select * from counted
