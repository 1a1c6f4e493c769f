{#- A text with every match of a regular expression (RE2: no look-around) replaced; `{1}` and `{2}` in the replacement
    stand for what the groups matched. -#}
{% macro regex_replace(text, pattern, replacement) -%}
    {{ adapter.dispatch('regex_replace', 'opencode_warehouse')(text, pattern, replacement) }}
{%- endmacro %}

{% macro default__regex_replace(text, pattern, replacement) -%}
    regexp_replace({{ text }}, '{{ pattern }}', '{{ replacement | replace("{1}", "\\1") | replace("{2}", "\\2") }}', 'g')
{%- endmacro %}
