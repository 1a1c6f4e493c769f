{#- A statement that deletes from a table the rows that another one has as well, by the columns of their key. -#}
{% macro delete_replaced(relation, replacements, key) -%}
    {{ adapter.dispatch('delete_replaced', 'opencode_warehouse')(relation, replacements, key) }}
{%- endmacro %}

{% macro default__delete_replaced(relation, replacements, key) -%}
    delete from {{ relation }} as present
    using {{ replacements }} as replacements
    where
        {% for column in key -%}
        present.{{ column }} = replacements.{{ column }}{{ ' and ' if not loop.last }}
        {%- endfor %}
{%- endmacro %}
