{{ depend_on_checked_tables() }}
-- depends_on: {{ ref('stg_opencode__sources') }}
-- depends_on: {{ ref('int_model_prices_unioned') }}
-- depends_on: {{ ref('error_categories') }}
{%- set references = declared_tests('relationships') %}
{%- set targets = [] -%}
{%- for reference in references -%}
    {%- set table = reference.arguments.to | replace("ref('", '') | replace("')", '') -%}
    {%- do reference.update({
        'target': table ~ '.' ~ reference.arguments.field,
        'target_table': table,
        'name': reference.table ~ '.' ~ reference.column ~ ' to ' ~ table ~ '.' ~ reference.arguments.field,
    }) -%}
    {%- if reference.target not in targets -%}
        {%- do targets.append(reference.target) -%}
    {%- endif -%}
{%- endfor %}

-- All that refers to a table is compared with it at once: a table of its keys each would not fit
-- into memory.
with

counted as (
    {% for target in targets %}
        {%- set referring = references | selectattr('target', 'equalto', target) | list %}
        select
            referring.reference_name,
            count(*) as n_references,
            count(case when targets.key is null then 1 end) as n_dangling
        from (
            {%- for reference in referring %}
            select
                '{{ reference.name }}' as reference_name,
                {{ reference.column }} as key
            from {{ ref(reference.table) }}
            where
                {{ reference.column }} is not null
                {% if reference.where %} and ({{ reference.where }}){% endif %}
            {{ 'union all' if not loop.last }}
            {%- endfor %}
        ) as referring
        left join (
            select distinct {{ referring[0].arguments.field }} as key
            from {{ ref(referring[0].target_table) }}
        ) as targets
            on referring.key = targets.key
        group by referring.reference_name

        union all
    {% endfor %}
    {%- for reference in references %}
        select
            '{{ reference.name }}' as reference_name,
            0 as n_references,
            0 as n_dangling

        union all
    {%- endfor %}
    select
        cast(null as {{ dbt.type_string() }}) as reference_name,
        cast(null as bigint) as n_references,
        cast(null as bigint) as n_dangling
    where 1 = 0

),

summed as (

    select
        reference_name,
        cast(sum(n_references) as bigint) as n_references,
        cast(sum(n_dangling) as bigint) as n_dangling
    from counted
    group by reference_name

)

select * from summed
