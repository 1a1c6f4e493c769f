{#- Whether the regular expression that a column holds (RE2 and Java alike: no look-around, no back-reference) matches
    anywhere in a text. It is compiled for each row, so let something cheaper choose the rows first. -#}
{% macro regex_match_column(text, pattern_column) -%}
    {{ adapter.dispatch('regex_match_column', 'opencode_warehouse')(text, pattern_column) }}
{%- endmacro %}

{% macro default__regex_match_column(text, pattern_column) -%}
    regexp_matches({{ text }}, {{ pattern_column }})
{%- endmacro %}
