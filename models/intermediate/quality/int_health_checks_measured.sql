{%- set families = ['completeness', 'integrity', 'performance', 'plausibility', 'pipeline', 'problems'] -%}

with

measured as (
    {% for family in families %}
    select
        check_id,
        measured_value,
        n_checked,
        n_failed,
        example,
        note
    from {{ ref('int_health_' ~ family ~ '_measured') }}
    {{ 'union all' if not loop.last }}
    {% endfor %}

)

select * from measured
