{#- JSON text as boolean; null where it is neither true nor false. -#}
{% macro json_boolean(text) -%}
    case {{ text }} when 'true' then true when 'false' then false end
{%- endmacro %}
