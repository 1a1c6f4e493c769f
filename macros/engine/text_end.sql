{#- The last characters of a text. DuckDB's right() counts all of a text before it takes its end. -#}
{% macro text_end(text, n) -%}
    {{ adapter.dispatch('text_end', 'opencode_warehouse')(text, n) }}
{%- endmacro %}

{% macro default__text_end(text, n) -%}
    substring({{ text }}, -{{ n }})
{%- endmacro %}
