{#- JSON text as US dollars; null where it is no number. -#}
{% macro json_usd(text) -%}
    try_cast({{ text }} as decimal(18, 10))
{%- endmacro %}
