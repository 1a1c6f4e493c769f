{#- Every model's "now", as a UTC timestamp: the variable `as_of` in ISO 8601, else the start of the run. A time zone in it
    is heeded; a text that is no time stops the run. -#}
{% macro as_of_timestamp() -%}
    {%- set given = var('as_of') -%}
    {%- set moment = run_started_at if given is none else modules.datetime.datetime.fromisoformat(given | string) -%}
    {%- if moment.tzinfo is not none -%}
        {%- set moment = moment.astimezone(modules.pytz.utc) -%}
    {%- endif -%}
    cast('{{ moment.strftime("%Y-%m-%d %H:%M:%S.%f") }}' as timestamp)
{%- endmacro %}
