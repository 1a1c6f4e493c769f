{#- The items of a JSON array as a list of JSON texts, for array_rows(); an empty list where it is none. -#}
{% macro json_array_items(text) -%}
    {{ adapter.dispatch('json_array_items', 'opencode_warehouse')(text) }}
{%- endmacro %}

{% macro default__json_array_items(text) -%}
    case
        when not json_valid({{ text }}) then []
        when json_type({{ text }}) = 'ARRAY' then cast(json_extract({{ text }}, '$[*]') as {{ dbt.type_string() }}[])
        else []
    end
{%- endmacro %}
