{#- While tests run, tells each health check that a query finds: dbt itself only says how many rows a test found. -#}
{% macro tell_failed_checks(query) -%}
    {%- if execute and flags.WHICH in ('build', 'test') -%}
        {%- for failed in run_query(query).columns[0].values() -%}
            {%- do log('health check ' ~ failed, info=true) -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
