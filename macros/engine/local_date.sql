{#- The day of a UTC timestamp where the reports are read: in the time zone of the variable `reporting_timezone`. -#}
{% macro local_date(timestamp) -%}
    {{ adapter.dispatch('local_date', 'opencode_warehouse')(timestamp, var('reporting_timezone')) }}
{%- endmacro %}

{% macro default__local_date(timestamp, timezone) -%}
    {%- if timezone == 'UTC' -%}
        cast({{ timestamp }} as date)
    {%- else -%}
        cast(timezone('{{ timezone }}', timezone('UTC', {{ timestamp }})) as date)
    {%- endif -%}
{%- endmacro %}
