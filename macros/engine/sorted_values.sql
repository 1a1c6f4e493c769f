{#- The distinct texts of a group, sorted and joined by commas. -#}
{% macro sorted_values(text) -%}
    {{ adapter.dispatch('sorted_values', 'opencode_warehouse')(text) }}
{%- endmacro %}

{% macro default__sorted_values(text) -%}
    string_agg(distinct {{ text }}, ', ' order by {{ text }})
{%- endmacro %}
