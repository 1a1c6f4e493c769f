{#- Makes a function of the warehouse that any client can ask: `select * from health_check('foreign_keys')` gives the row
    of that check in health_check_trends. -#}
{% macro health_check_function() -%}
    {{ adapter.dispatch('health_check_function', 'opencode_warehouse')() }}
{%- endmacro %}

{% macro default__health_check_function() -%}
    create or replace macro {{ this.include(identifier=false) }}.health_check(id) as table
    select *
    from {{ this }}
    where check_id = id
{%- endmacro %}
