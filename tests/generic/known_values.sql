{% test known_values(model, column_name, values) %}
{#- OpenCode's own words, which grow with its versions: a new one is kept, counted and named by a warning. -#}
{{ config(severity='warn') }}
{%- set new_values -%}
    select distinct cast({{ column_name }} as {{ dbt.type_string() }}) as new_value
    from {{ model }}
    where {{ column_name }} not in ('{{ values | join("', '") }}')
    order by new_value
{%- endset -%}
{{ warn_of_new(model.identifier ~ '.' ~ column_name, new_values) }}
{{ new_values }}
{% endtest %}
