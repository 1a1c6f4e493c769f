{#- The CTEs by which a table of states keeps, beside each session's state, when a build first saw it: of a table of
    session_id and state_hash the rows that are new or differ from those of the last build. A session that is gone has
    the state `gone`. -#}
{% macro noted_changes(states) -%}
known as (

    {% if is_partial_build() -%}
        select
            session_id,
            state_hash
        from {{ this }}
    {%- else -%}
        select
            cast(null as {{ dbt.type_string() }}) as session_id,
            cast(null as {{ dbt.type_string() }}) as state_hash
        where 1 = 0
    {%- endif %}

),

noted as (

    select
        coalesce({{ states }}.session_id, known.session_id) as session_id,
        coalesce({{ states }}.state_hash, 'gone') as state_hash,
        {{ moment_of_build() }} as changed_at
    from {{ states }}
    full outer join known
        on {{ states }}.session_id = known.session_id
    where coalesce({{ states }}.state_hash, 'gone') is distinct from known.state_hash

)
{%- endmacro %}
