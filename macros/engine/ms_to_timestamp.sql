{#- Milliseconds of the epoch as UTC timestamp; null where no calendar has such a day. -#}
{% macro ms_to_timestamp(ms) -%}
    {{ adapter.dispatch('ms_to_timestamp', 'opencode_warehouse')(ms) }}
{%- endmacro %}

{% macro default__ms_to_timestamp(ms) -%}
    make_timestamp(case when {{ ms }} between 0 and 253402300799999 then 1000 * ({{ ms }}) end)
{%- endmacro %}
