{#- The items of a JSON array as a list of JSON texts, for array_rows(); an empty list where it is none. -#}
{% macro json_array_items(text) -%}
    {{ adapter.dispatch('json_array_items', 'opencode_warehouse')(text) }}
{%- endmacro %}

{% macro default__json_array_items(text) -%}
    case
        when json_type({{ valid_json(text) }}) = 'ARRAY'
            then cast(json_extract({{ valid_json(text) }}, '$[*]') as {{ dbt.type_string() }}[])
        else []
    end
{%- endmacro %}
