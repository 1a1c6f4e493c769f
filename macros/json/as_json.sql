{#- JSON text as a column of a mart: of the type JSON where the engine has one, so that `error_data.type` works, else text.
    A text that is no JSON becomes a JSON string. The YAML of such a column has `json_type` as its type. -#}
{% macro as_json(text) -%}
    {{ adapter.dispatch('as_json', 'opencode_warehouse')(text) }}
{%- endmacro %}

{% macro default__as_json(text) -%}
    coalesce(try_cast({{ text }} as json), to_json({{ text }}))
{%- endmacro %}
