{#- The number of bytes that a text takes in UTF-8. -#}
{% macro byte_length(text) -%}
    {{ adapter.dispatch('byte_length', 'opencode_warehouse')(text) }}
{%- endmacro %}

{% macro default__byte_length(text) -%}
    cast(strlen({{ text }}) as bigint)
{%- endmacro %}
