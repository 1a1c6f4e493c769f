{%- set topics = [
    'completeness', 'completeness_tracing', 'integrity', 'performance', 'plausibility',
    'plausibility_times', 'pipeline', 'pipeline_loads', 'problems',
] -%}

with

measured as (
    {% for topic in topics %}
        select
            check_id,
            measured_value,
            n_checked,
            n_failed,
            example,
            note
        from {{ ref('int_health_' ~ topic ~ '_measured') }}
        {{ 'union all' if not loop.last }}
    {% endfor %}

)

select * from measured
