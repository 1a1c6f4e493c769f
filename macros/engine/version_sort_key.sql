{#- A text by which OpenCode versions sort as versions: `1.9.0` before `1.18.0-dev` before `1.18.0`, a `v` in front or not.
    Null where a version has no three numbers (`local`). -#}
{% macro version_sort_key(version) -%}
    (
        {%- for step in [1, 2, 3] -%}
        lpad(nullif({{ version_step(version, step) }}, ''), 6, '0') || '.' || {{ ' ' }}
        {%- endfor -%}
        case
            when {{ regex_match(version, '^v?[0-9]+[.][0-9]+[.][0-9]+-') }}
                then '-' || {{ regex_extract(version, '^[^-]*-(.*)$') }}
            else '~'
        end
    )
{%- endmacro %}

{#- Whether a version is at least `minimum` (`1.14.34`), or a build on the way to it; null where it has no three numbers. -#}
{% macro version_at_least(version, minimum) -%}
    {%- set steps = minimum.split('.') -%}
    {{ version_sort_key(version) }} >= '{% for step in steps %}{{ '%06d' | format(step | int) }}.{% endfor %}'
{%- endmacro %}

{#- One of the three numbers of a dotted version, as text; `step` counts from 1. -#}
{% macro version_step(version, step) -%}
    {{ adapter.dispatch('version_step', 'opencode_warehouse')(version, step) }}
{%- endmacro %}

{% macro default__version_step(version, step) -%}
    regexp_extract({{ version }}, '^v?([0-9]+)[.]([0-9]+)[.]([0-9]+)', {{ step }})
{%- endmacro %}
