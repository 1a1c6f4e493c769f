{#- JSON text as bigint, a fraction cut off; null where it is no number. -#}
{% macro json_bigint(text) -%}
    try_cast(floor(try_cast({{ text }} as double)) as bigint)
{%- endmacro %}
