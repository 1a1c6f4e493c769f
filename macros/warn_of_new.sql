{#- While tests run, warns of each value that a query finds, by name: dbt itself only says how many rows a test found.

    `query` selects one column. At most ten values are named, each cut at 40 characters, as some are words of a model. -#}
{% macro warn_of_new(what, query) -%}
    {%- if execute and flags.WHICH in ('build', 'test') -%}
        {%- set values = run_query(query).columns[0].values() -%}
        {%- for value in values[:10] -%}
            {%- do exceptions.warn("new " ~ what ~ ": " ~ (value | string)[:40]) -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
