{#- A text if it is JSON, else null. -#}
{% macro valid_json(text) -%}
    {{ adapter.dispatch('valid_json', 'opencode_warehouse')(text) }}
{%- endmacro %}

{% macro default__valid_json(text) -%}
    case when json_valid({{ text }}) then {{ text }} end
{%- endmacro %}
