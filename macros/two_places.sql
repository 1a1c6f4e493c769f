{#- A number as text with two decimals, for a sentence. -#}
{% macro two_places(number) -%}
    cast(cast({{ number }} as decimal(18, 2)) as {{ dbt.type_string() }})
{%- endmacro %}
