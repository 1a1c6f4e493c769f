{#- For a model that puts long texts together, which an engine does in memory: where it is built as a whole, it is built a
    share of the sessions at a time. The model calls `built_in_shares()` at its head and reads `where {{ is_of_share() }}`.
    `int_session_shares` says which session is of which share, and a table of one row which share is being built: before the
    model's query the first, and after it, for the same query again, each of the others. -#}
{% macro built_in_shares() -%}
    {{ config(pre_hook="{{ begin_with_first_share() }}", post_hook="{{ insert_other_shares() }}") }}
{%- endmacro %}

{% macro is_of_share() -%}
    {%- if execute and (this is none or is_partial_build()) -%}
    1 = 1
    {%- else -%}
    session_id in (
        select shares.session_id
        from {{ ref('int_session_shares') }} as shares
        inner join {{ share_being_built() }} as being_built
            on shares.share = being_built.share
    )
    {%- endif -%}
{%- endmacro %}

{% macro share_being_built() -%}
    {%- do return(api.Relation.create(
        database=target.database, schema=generate_schema_name('intermediate', none), identifier='share_being_built'
    )) -%}
{%- endmacro %}

{% macro build_share(share) -%}
    drop table if exists {{ share_being_built() }};
    create table {{ share_being_built() }} as
    select cast({{ share }} as bigint) as share;
{%- endmacro %}

{% macro begin_with_first_share() -%}
    {%- if not is_partial_build() %}{{ build_share(0) }}{% endif %}
    select 1 as is_done
{%- endmacro %}

{% macro insert_other_shares() -%}
    {%- if execute and share_being_built() | string in (model.compiled_code or '') -%}
        {%- set columns = get_quoted_csv(model.columns.keys()) -%}
        {%- set shares = run_query('select max(share) from ' ~ ref('int_session_shares')).rows[0][0] or 0 -%}
        {%- for share in range(1, shares + 1) %}
    {{ build_share(share) }}
    insert into {{ this }} ({{ columns }})
    select {{ columns }}
    from (
        {{ model.compiled_code }}
    ) as of_share;
        {% endfor %}
    drop table {{ share_being_built() }};
    {%- endif %}
    select 1 as is_done
{%- endmacro %}
