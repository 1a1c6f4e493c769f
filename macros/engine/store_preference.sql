{#- Sort key of a store's kind: a database is newer than the JSON tree it was made from, and a live store than an
    export, whose file's time says nothing of its documents. -#}
{% macro store_preference(kind) -%}
    case {{ kind }} when 'sqlite' then 0 when 'json' then 1 else 2 end
{%- endmacro %}
