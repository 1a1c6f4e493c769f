{#- JSON text as bigint, a fraction cut off; null where it is no number, or beyond 2^53, where JavaScript cannot count. -#}
{% macro json_bigint(text) -%}
    try_cast(floor(nullif(least(abs(try_cast({{ text }} as double)), 9007199254740992), 9007199254740992)
    * sign(try_cast({{ text }} as double))) as bigint)
{%- endmacro %}
