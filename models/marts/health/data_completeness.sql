{{ depend_on_checked_tables() }}
{%- set tables = checked_tables() %}

with

counted as (
    {% for table in tables %}
        {{ values_counted(table) | indent(8) }}
        {{ 'union all' if not loop.last }}
    {% else %}
        select
            cast(null as {{ dbt.type_string() }}) as table_name,
            cast(null as {{ dbt.type_string() }}) as column_name,
            cast(null as {{ dbt.type_string() }}) as opencode_version,
            cast(null as bigint) as n_rows,
            cast(null as bigint) as n_with_value
        where 1 = 0
    {% endfor %}

),

by_version as (

    select
        table_name,
        column_name,
        opencode_version,
        n_rows,
        n_with_value
    from counted
    where opencode_version is not null

    union all

    select
        table_name,
        column_name,
        'all' as opencode_version,
        sum(n_rows) as n_rows,
        sum(n_with_value) as n_with_value
    from counted
    group by
        table_name,
        column_name

),

completeness as (

    select
        concat_ws(':', table_name, column_name, opencode_version) as data_completeness_id,
        table_name,
        column_name,
        opencode_version,
        {{ version_sort_key('opencode_version') }} as version_sort_key,
        cast(n_rows as bigint) as n_rows,
        cast(n_with_value as bigint) as n_with_value,
        cast(n_with_value as double) / nullif(n_rows, 0) as share
    from by_version

)

select * from completeness
