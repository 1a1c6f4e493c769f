{#- Whether a field of a JSON text is there and null, which the field's text does not tell from one that is missing.
    Most texts are spared a parse: their canonical form does not hold the name with a null at all. -#}
{% macro json_is_null(text, path) -%}
    {{ adapter.dispatch('json_is_null', 'opencode_warehouse')(text, path) }}
{%- endmacro %}

{% macro default__json_is_null(text, path) -%}
    case
        when contains({{ text }}, '"{{ path.split('.') | last }}":null')
            then coalesce(json_type({{ text }}, {{ json_path(path) }}) = 'NULL', false)
        else false
    end
{%- endmacro %}
