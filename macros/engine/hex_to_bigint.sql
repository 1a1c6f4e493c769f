{#- Hexadecimal digits (at most 15) as bigint; null where they are none. -#}
{% macro hex_to_bigint(digits) -%}
    {{ adapter.dispatch('hex_to_bigint', 'opencode_warehouse')(digits) }}
{%- endmacro %}

{% macro default__hex_to_bigint(digits) -%}
    try_cast('0x' || {{ digits }} as bigint)
{%- endmacro %}
