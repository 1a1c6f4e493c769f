{#- Whether an absolute path lies below a directory. -#}
{% macro is_below(path, directory) -%}
    left({{ path }}, length({{ directory }}) + 1) = {{ directory }} || '/'
{%- endmacro %}
