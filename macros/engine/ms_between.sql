{#- Milliseconds from one UTC timestamp to a later one; negative where it is earlier. -#}
{% macro ms_between(started_at, ended_at) -%}
    {{ timestamp_to_ms(ended_at) }} - {{ timestamp_to_ms(started_at) }}
{%- endmacro %}
