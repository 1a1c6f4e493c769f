{#- JSON text with milliseconds of the epoch as UTC timestamp; null where it is no such number. -#}
{% macro json_timestamp(text) -%}
    {{ ms_to_timestamp(json_bigint(text)) }}
{%- endmacro %}
