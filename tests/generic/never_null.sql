{% test never_null(model, columns) %}
{#- One row for each of these columns that is null anywhere. One test for all columns of a table, as each test costs dbt
    more than the warehouse; the key has its own. -#}
    {%- for column in columns %}
    select
        '{{ column }}' as column_name,
        count(*) as n_nulls
    from {{ model }}
    where {{ column }} is null
    having count(*) > 0
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{% endtest %}
