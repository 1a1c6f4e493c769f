{#- Sort key of a store's kind: a database is newer than the JSON tree it was made from. -#}
{% macro store_preference(kind) -%}
    case {{ kind }} when 'sqlite' then 0 else 1 end
{%- endmacro %}
