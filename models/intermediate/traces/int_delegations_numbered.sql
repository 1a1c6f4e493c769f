{%- set argument_paths = {'agent': 'subagent_type', 'agent_v2': 'agent'} -%}

with

tool_calls as (

    select
        tool_call_id,
        message_id,
        session_id,
        child_session_id,
        is_child_loaded,
        status,
        execution_time_ms,
        started_at,
        is_fork_copy,
        source_id,
        deleted_at,
        {{ json_fields('tool_args', argument_paths, is_field=true) }} as arguments
    from {{ ref('tool_calls') }}
    where (child_session_id is not null or tool_name = 'task') and not is_orphan

),

messages as (

    select
        message_id,
        exchange_id
    from {{ ref('messages') }}

),

sessions as (

    select
        session_id,
        parent_session_id,
        created_at,
        source_id,
        deleted_at
    from {{ ref('sessions') }}

),

-- A sub-agent whose call was never landed, or has gone, was called all the same.
called as (

    select
        tool_calls.tool_call_id as delegation_id,
        tool_calls.tool_call_id,
        tool_calls.message_id,
        messages.exchange_id,
        tool_calls.session_id,
        tool_calls.child_session_id,
        tool_calls.is_child_loaded,
        coalesce(
            {{ json_field('arguments', argument_paths, 'agent') }},
            {{ json_field('arguments', argument_paths, 'agent_v2') }}
        ) as agent,
        tool_calls.status,
        tool_calls.execution_time_ms,
        tool_calls.started_at,
        tool_calls.is_fork_copy,
        tool_calls.source_id,
        tool_calls.deleted_at
    from tool_calls
    left join messages
        on tool_calls.message_id = messages.message_id

    union all

    select
        'session:' || session_id as delegation_id,
        cast(null as {{ dbt.type_string() }}) as tool_call_id,
        cast(null as {{ dbt.type_string() }}) as message_id,
        cast(null as {{ dbt.type_string() }}) as exchange_id,
        parent_session_id as session_id,
        session_id as child_session_id,
        true as is_child_loaded,
        cast(null as {{ dbt.type_string() }}) as agent,
        cast(null as {{ dbt.type_string() }}) as status,
        cast(null as bigint) as execution_time_ms,
        created_at as started_at,
        false as is_fork_copy,
        source_id,
        deleted_at
    from sessions
    where
        parent_session_id is not null
        and not exists (
            select 1
            from tool_calls
            where tool_calls.child_session_id = sessions.session_id
        )

),

-- A sub-agent may be called again; its figures stand on the first call, so that they add up.
numbered as (

    select
        *,
        case
            when child_session_id is not null
                then
                    row_number() over (
                        partition by child_session_id
                        order by
                            is_fork_copy asc,
                            started_at asc nulls last,
                            delegation_id asc
                    )
        end as call_number
    from called

)

select * from numbered
