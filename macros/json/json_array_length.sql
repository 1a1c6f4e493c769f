{#- The number of items of a JSON array; null where it is none. -#}
{% macro json_array_length(text) -%}
    {{ adapter.dispatch('json_array_length', 'opencode_warehouse')(text) }}
{%- endmacro %}

{% macro default__json_array_length(text) -%}
    case
        when json_type({{ valid_json(text) }}) = 'ARRAY'
            then cast(json_array_length({{ valid_json(text) }}) as bigint)
    end
{%- endmacro %}
