{#- What the first group of a regular expression (RE2: no look-around) matches in a text; null where it does not. -#}
{% macro regex_extract(text, pattern) -%}
    {{ adapter.dispatch('regex_extract', 'opencode_warehouse')(text, pattern) }}
{%- endmacro %}

{% macro default__regex_extract(text, pattern) -%}
    nullif(regexp_extract({{ text }}, '{{ pattern }}', 1), '')
{%- endmacro %}
