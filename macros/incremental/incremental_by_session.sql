{#- Models that are built anew for those sessions alone of which something has changed since the model was last built.

    A model calls `incremental_by_session()` at its head and reads what has a session_id through `changed()`. What is built
    then equals what a full refresh would build, as long as no row depends on another session but by what
    int_session_states (or `states`, for the models that it is itself made of) watches.

    Each model notes up to which change it has been built (`note_built`), in the transaction that builds it: one that
    failed, or was left out of a run, has all that it missed before it at its next one. -#}
{% macro incremental_by_session(states='int_session_states') -%}
    {{ config(
        materialized='incremental',
        incremental_strategy='changed_sessions',
        on_schema_change='fail',
        post_hook="{{ note_built(ref('" ~ states ~ "')) }}",
        meta={'session_states': states},
    ) }}
{%- endmacro %}

{#- What a model reads of another, `ref('…')`: in an incremental run the rows of changed sessions, and those of no session,
    of which nobody knows whether they have changed. -#}
{% macro changed(relation, states='int_session_states') -%}
    {%- if not execute or is_partial_build() -%}
        {%- set states = ref(states) -%}
    {%- endif -%}
    {%- if is_partial_build() -%}
    (
        select *
        from {{ relation }}
        where session_id in ({{ changed_sessions(states) }})

        union all

        select *
        from {{ relation }}
        where session_id is null
    )
    {%- else -%}
    {{ relation }}
    {%- endif -%}
{%- endmacro %}

{#- The same for the models that int_session_states is made of: rows of sessions of which documents were landed. -#}
{% macro landed(relation) -%}
    {{ changed(relation, states='int_session_documents') }}
{%- endmacro %}

{#- The sessions that changed since this model was built last. -#}
{% macro changed_sessions(states) -%}
    select session_id
    from {{ states }}
    where changed_at > (select built_up_to from {{ builds_relation() }} where model_name = '{{ this.name }}')
{%- endmacro %}

{% macro get_incremental_changed_sessions_sql(arguments) -%}
    {%- set columns = get_quoted_csv(arguments.dest_columns | map(attribute='name')) -%}
    {%- set states = ref(config.get('meta').session_states) -%}
    delete from {{ arguments.target_relation }}
    where
        session_id is null
        or session_id in ({{ changed_sessions(states) }})
        -- states that were built anew as a whole have forgotten which sessions went
        or session_id not in (select session_id from {{ states }});

    insert into {{ arguments.target_relation }} ({{ columns }})
    select {{ columns }}
    from {{ arguments.temp_relation }}
{%- endmacro %}
