{#- The number of items of a JSON array; null where it is none. -#}
{% macro json_array_length(text) -%}
    {{ adapter.dispatch('json_array_length', 'opencode_warehouse')(text) }}
{%- endmacro %}

{% macro default__json_array_length(text) -%}
    case
        when not json_valid({{ text }}) then null
        when json_type({{ text }}) = 'ARRAY' then cast(json_array_length({{ text }}) as bigint)
    end
{%- endmacro %}
