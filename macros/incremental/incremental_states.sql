{#- A table of the states of sessions: see `noted_changes`. -#}
{% macro incremental_states() -%}
    {{ config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key='session_id',
        on_schema_change='fail',
        post_hook="{{ note_built(none) }}",
    ) }}
{%- endmacro %}
