{#- Whether a regular expression (RE2: no look-around) matches anywhere in a text. -#}
{% macro regex_match(text, pattern) -%}
    {{ adapter.dispatch('regex_match', 'opencode_warehouse')(text, pattern) }}
{%- endmacro %}

{% macro default__regex_match(text, pattern) -%}
    regexp_matches({{ text }}, '{{ pattern }}')
{%- endmacro %}
