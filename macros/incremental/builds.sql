{#- The table in which incremental models note what they were built from: a row a model, with the newest change that is in
    it (`built_up_to`) and the version of its logic. It is no model: it outlives full refreshes. -#}
{% macro builds_relation() -%}
    {%- do return(api.Relation.create(
        database=target.database, schema=generate_schema_name('intermediate', none), identifier='incremental_builds'
    )) -%}
{%- endmacro %}

{% macro ensure_builds() -%}
    {%- if execute and flags.WHICH in ['run', 'build', 'test', 'seed', 'snapshot'] -%}
        {%- do run_query('create schema if not exists ' ~ builds_relation().include(identifier=false)) -%}
        {%- do run_query(
            'create table if not exists ' ~ builds_relation() ~ ' (model_name ' ~ dbt.type_string()
            ~ ' not null, built_up_to timestamp not null, logic_version ' ~ dbt.type_string() ~ ' not null)'
        ) -%}
    {%- endif -%}
{%- endmacro %}

{% macro note_built(states) -%}
    delete from {{ builds_relation() }} where model_name = '{{ this.name }}';
    insert into {{ builds_relation() }}
    select
        '{{ this.name }}' as model_name,
        {% if states is none -%}
            cast('1970-01-01' as timestamp)
        {%- else -%}
            (select coalesce(max(changed_at), cast('1970-01-01' as timestamp)) from {{ states }})
        {%- endif %} as built_up_to,
        '{{ logic_version() if is_upstream_built() else "outdated" }}' as logic_version
{%- endmacro %}

{#- A later moment than any at which a change was noted or built before, whatever the clock says. -#}
{% macro moment_of_build() -%}
    greatest(
        cast('{{ run_started_at.strftime("%Y-%m-%d %H:%M:%S.%f") }}' as timestamp),
        coalesce(
            {{ millisecond_after('(select max(built_up_to) from ' ~ builds_relation() ~ ')') }},
            cast('1970-01-01' as timestamp)
        )
    )
{%- endmacro %}

{#- dbt's is_incremental(), which cannot be asked within a unit test: there `this` is none. -#}
{% macro is_partial_build() -%}
    {%- do return(execute and this is not none and is_incremental()) -%}
{%- endmacro %}
