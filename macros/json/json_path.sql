{#- A dotted path as the engine's JSON path literal, every step quoted: `time.created`. -#}
{% macro json_path(path) -%}
    {{ adapter.dispatch('json_path', 'opencode_warehouse')(path) }}
{%- endmacro %}

{% macro default__json_path(path) -%}
    '$.{% for step in path.split('.') %}"{{ step }}"{{ '.' if not loop.last }}{% endfor %}'
{%- endmacro %}
