{#- All texts of a group, one after the other in the order of a unique column. -#}
{% macro concat_texts(text, order_by) -%}
    {{ adapter.dispatch('concat_texts', 'opencode_warehouse')(text, order_by) }}
{%- endmacro %}

{% macro default__concat_texts(text, order_by) -%}
    string_agg({{ text }}, chr(10) order by {{ order_by }})
{%- endmacro %}
