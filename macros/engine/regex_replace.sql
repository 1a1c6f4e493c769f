{#- A text with every match of a regular expression replaced; the replacement is plain text. -#}
{% macro regex_replace(text, pattern, replacement) -%}
    {{ adapter.dispatch('regex_replace', 'opencode_warehouse')(text, pattern, replacement) }}
{%- endmacro %}

{% macro default__regex_replace(text, pattern, replacement) -%}
    regexp_replace({{ text }}, '{{ pattern }}', '{{ replacement }}', 'g')
{%- endmacro %}
