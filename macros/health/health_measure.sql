{#- What a health check measured, as the columns that every model of a family selects: `from` and `where` follow.

    A row that breaks the rule is one for which `failing` holds; where rows are counted in another way, `n_checked` and
    `n_failed` are given instead. Without `value` the value is the share or the number that the seed's unit asks for.
    `example` is a column whose smallest value among the failing rows is told; `note` is a text for the reader. -#}
{% macro health_measure(
    check_id, failing=none, n_checked='count(*)', n_failed=none, value=none, example=none, note=none
) -%}
    cast('{{ check_id }}' as {{ dbt.type_string() }}) as check_id,
    cast({{ value if value is not none else 'null' }} as double) as measured_value,
    cast({{ n_checked }} as bigint) as n_checked,
    {% if n_failed is not none -%}
        cast({{ n_failed }} as bigint) as n_failed,
    {%- else -%}
        cast(count(case when {{ failing }} then 1 end) as bigint) as n_failed,
    {%- endif %}
    {% if example is not none -%}
        cast(min(case when {{ failing }} then {{ example }} end) as {{ dbt.type_string() }}) as example,
    {%- else -%}
        cast(null as {{ dbt.type_string() }}) as example,
    {%- endif %}
    cast({{ note if note is not none else 'null' }} as {{ dbt.type_string() }}) as note
{%- endmacro %}
