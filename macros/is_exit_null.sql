{#- Whether the metadata of a shell call (JSON) name an exit code that is null: the command was killed. -#}
{% macro is_exit_null(metadata) -%}
    coalesce({{ regex_match(metadata, '[{,]"exit":null[,}]') }}, false)
{%- endmacro %}
