{#- One field of what json_fields() gave, as text; `name` is a key of `paths`. -#}
{% macro json_field(fields, paths, name) -%}
    {{ adapter.dispatch('json_field', 'opencode_warehouse')(fields, paths, name) }}
{%- endmacro %}

{% macro default__json_field(fields, paths, name) -%}
    {%- if name not in paths -%}
        {{ exceptions.raise_compiler_error("json_field: no path is named '" ~ name ~ "'") }}
    {%- endif -%}
    {{ fields }}[{{ (paths.keys() | list).index(name) + 1 }}]
{%- endmacro %}
