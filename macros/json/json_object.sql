{#- A JSON object as text; `fields` maps names to expressions. -#}
{% macro json_object(fields) -%}
    {{ adapter.dispatch('json_object', 'opencode_warehouse')(fields) }}
{%- endmacro %}

{% macro default__json_object(fields) -%}
    cast(json_object(
        {%- for name, expression in fields.items() %}
        '{{ name }}', {{ expression }}{{ ',' if not loop.last }}
        {%- endfor %}
    ) as {{ dbt.type_string() }})
{%- endmacro %}
