{{ incremental_by_session() }}

with

tool_calls as (

    select
        part_id,
        session_id,
        status,
        is_orphan,
        is_fork_copy,
        started_at,
        ended_at
    from {{ changed(ref('tool_calls')) }}

),

targeted as (

    select
        part_id,
        wanted_tool,
        target,
        arguments_hash
    from {{ changed(ref('int_tool_calls_targeted')) }}

),

messages as (

    select
        message_id,
        session_id,
        model_id,
        finish_reason,
        error_name,
        is_fork_copy,
        created_at,
        completed_at
    from {{ changed(ref('messages')) }}
    where role = 'assistant'

),

-- What can succeed after an error: the same tool on the same target, or a step of the same model.
unioned as (

    select
        'tool' as attempt_kind,
        tool_calls.part_id as attempt_id,
        tool_calls.session_id,
        targeted.wanted_tool as actor,
        coalesce(targeted.target, '') as target,
        targeted.arguments_hash,
        tool_calls.status = 'success' as is_success,
        tool_calls.is_fork_copy,
        tool_calls.started_at,
        coalesce(tool_calls.ended_at, tool_calls.started_at) as ended_at
    from tool_calls
    inner join targeted
        on tool_calls.part_id = targeted.part_id
    where not tool_calls.is_orphan

    union all

    select
        'step' as attempt_kind,
        message_id as attempt_id,
        session_id,
        coalesce(model_id, '') as actor,
        '' as target,
        cast(null as {{ dbt.type_string() }}) as arguments_hash,
        error_name is null
        and completed_at is not null
        and coalesce(finish_reason, '') not in ('length', 'content-filter', 'error') as is_success,
        is_fork_copy,
        created_at as started_at,
        coalesce(completed_at, created_at) as ended_at
    from messages

)

select * from unioned
