{#- A text as the list of its pieces between a separator, for array_rows(). -#}
{% macro split_text(text, separator) -%}
    {{ adapter.dispatch('split_text', 'opencode_warehouse')(text, separator) }}
{%- endmacro %}

{% macro default__split_text(text, separator) -%}
    string_split({{ text }}, '{{ separator }}')
{%- endmacro %}
