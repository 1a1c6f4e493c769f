{#- A UTC timestamp as milliseconds of the epoch. -#}
{% macro timestamp_to_ms(timestamp) -%}
    {{ adapter.dispatch('timestamp_to_ms', 'opencode_warehouse')(timestamp) }}
{%- endmacro %}

{% macro default__timestamp_to_ms(timestamp) -%}
    epoch_ms({{ timestamp }})
{%- endmacro %}
