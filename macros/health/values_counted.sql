{#- For each column of a table and each version of OpenCode (that made the session): how many rows it has and in how many it
    has a value. `node` is a table of `checked_tables`. Of a long text the length is counted (`counted_by` in its meta), as
    that is a thousandth to read. -#}
{% macro values_counted(node) -%}
    {%- set columns = node.columns.keys() | list -%}
    {%- set has_session = 'session_id' in columns -%}
    select
        '{{ node.name }}' as table_name,
        case column_number
            {%- for column in columns %}
            when {{ loop.index }} then '{{ column }}'
            {%- endfor %}
        end as column_name,
        opencode_version,
        n_rows,
        case column_number
            {%- for column in columns %}
            when {{ loop.index }} then n_values_{{ loop.index }}
            {%- endfor %}
        end as n_with_value
    from (
        select
            {% if has_session %}sessions.version{% else %}cast(null as {{ dbt.type_string() }}){% endif %}
                as opencode_version,
            {%- for column in columns %}
            count(counted.{{ node.columns[column].config.meta.get('counted_by', column) }}) as n_values_{{ loop.index }},
            {%- endfor %}
            count(*) as n_rows
        from {{ ref(node.name) }} as counted
        {%- if has_session %}
        left join {{ ref('sessions') }} as sessions
            on counted.session_id = sessions.session_id
        group by sessions.version
        {%- endif %}
    ) as counts
    cross join {{ numbers_to(columns | length) }} as numbers
{%- endmacro %}
