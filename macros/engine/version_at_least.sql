{#- Whether a dotted version (`1.14.34`, also `1.3.0-beta.1`) is at least `minimum`; null where it has no three numbers. -#}
{% macro version_at_least(version, minimum) -%}
    {%- set steps = minimum.split('.') -%}
    (
        {%- set weights = [1000000000, 100000, 1] -%}
        {%- for index in range(3) -%}
        {{ weights[index] }} * try_cast({{ version_step(version, index + 1) }} as bigint){{ ' + ' if not loop.last }}
        {%- endfor -%}
        {{ ' ' }}>= {{ weights[0] * (steps[0] | int) + weights[1] * (steps[1] | int) + (steps[2] | int) }}
    )
{%- endmacro %}

{#- One of the three numbers of a dotted version, as text; `step` counts from 1. -#}
{% macro version_step(version, step) -%}
    {{ adapter.dispatch('version_step', 'opencode_warehouse')(version, step) }}
{%- endmacro %}

{% macro default__version_step(version, step) -%}
    regexp_extract({{ version }}, '^v?([0-9]+)[.]([0-9]+)[.]([0-9]+)', {{ step }})
{%- endmacro %}
