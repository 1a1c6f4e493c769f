{{ depend_on_checked_tables() }}
-- depends_on: {{ ref('stg_opencode__sources') }}
-- depends_on: {{ ref('int_model_prices_unioned') }}
-- depends_on: {{ ref('error_categories') }}
{%- set references = declared_tests('relationships') %}

with

counted as (
    {% for reference in references %}
        {%- set column = reference.column %}
        {%- set target = reference.arguments.to | replace("ref('", '') | replace("')", '') %}
        select
            '{{ reference.table }}.{{ column }} to {{ target }}.{{ reference.arguments.field }}'
                as reference_name,
            count(*) as n_references,
            count(case when targets.{{ reference.arguments.field }} is null then 1 end) as n_dangling
        from {{ ref(reference.table) }} as referring
        left join (
            select distinct {{ reference.arguments.field }}
            from {{ ref(target) }}
        ) as targets
            on referring.{{ column }} = targets.{{ reference.arguments.field }}
        where
            referring.{{ column }} is not null
            {% if reference.where %} and ({{ reference.where }}){% endif %}
        {{ 'union all' if not loop.last }}
    {% else %}
        select
            cast(null as {{ dbt.type_string() }}) as reference_name,
            cast(null as bigint) as n_references,
            cast(null as bigint) as n_dangling
        where 1 = 0
    {% endfor %}

)

select * from counted
