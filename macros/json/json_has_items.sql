{#- Whether a field of a JSON text is an array with at least one item. Most texts are spared a parse: they do not hold
    the name at all. -#}
{% macro json_has_items(text, path) -%}
    {{ adapter.dispatch('json_has_items', 'opencode_warehouse')(text, path) }}
{%- endmacro %}

{% macro default__json_has_items(text, path) -%}
    case
        when contains({{ text }}, '"{{ path.split('.') | last }}":')
            then coalesce(json_array_length({{ text }}, {{ json_path(path) }}) > 0, false)
        else false
    end
{%- endmacro %}
