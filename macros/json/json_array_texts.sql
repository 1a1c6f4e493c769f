{#- The `text` of every item of a JSON array, one below the other; null where there is none. -#}
{% macro json_array_texts(text) -%}
    {{ adapter.dispatch('json_array_texts', 'opencode_warehouse')(text) }}
{%- endmacro %}

{% macro default__json_array_texts(text) -%}
    nullif(array_to_string(json_extract_string({{ valid_json(text) }}, '$[*]."text"'), chr(10)), '')
{%- endmacro %}
