{#- The moment a millisecond after another. -#}
{% macro millisecond_after(moment) -%}
    {{ adapter.dispatch('millisecond_after', 'opencode_warehouse')(moment) }}
{%- endmacro %}

{% macro default__millisecond_after(moment) -%}
    {{ moment }} + interval 1 millisecond
{%- endmacro %}
