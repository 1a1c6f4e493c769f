{#- A computed amount as money, rounded once. -#}
{% macro as_usd(amount) -%}
    cast(round({{ amount }}, 10) as decimal(18, 10))
{%- endmacro %}
