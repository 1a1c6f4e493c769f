{#- A text as the list of its pieces between matches of a regular expression, for array_rows(). -#}
{% macro split_by_regex(text, pattern) -%}
    {{ adapter.dispatch('split_by_regex', 'opencode_warehouse')(text, pattern) }}
{%- endmacro %}

{% macro default__split_by_regex(text, pattern) -%}
    string_split_regex({{ text }}, '{{ pattern }}')
{%- endmacro %}
