{#- The pieces of a text between separators (a plain text), as a list for array_rows(); an empty list for null. -#}
{% macro split_text(text, separator) -%}
    {{ adapter.dispatch('split_text', 'opencode_warehouse')(text, separator) }}
{%- endmacro %}

{% macro default__split_text(text, separator) -%}
    coalesce(string_split({{ text }}, {{ separator }}), [])
{%- endmacro %}
