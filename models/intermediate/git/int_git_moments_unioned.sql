with

events as (

    select *
    from {{ ref('int_git_events_derived') }}
    where directory is not null and occurred_at is not null

),

operations as (

    select
        source_id,
        part_id,
        item_index,
        file_path
    from {{ ref('int_file_operations_unnested') }}

),

tool_calls as (

    select
        source_id,
        part_id,
        message_id,
        session_id,
        started_at
    from {{ ref('tool_calls') }}
    where started_at is not null

),

messages as (

    select
        message_id,
        session_id,
        role,
        working_directory,
        created_at
    from {{ ref('messages') }}

),

sessions as (

    select
        session_id,
        machine,
        directory
    from {{ ref('sessions') }}

),

-- File operations and model steps tell nothing, and are told what was in force.
unioned as (

    select
        'event' as row_kind,
        git_event_id as row_id,
        machine,
        directory as path,
        branch,
        commit_sha,
        is_branch_told,
        is_commit_told,
        is_detached,
        occurred_at,
        part_id,
        command_index as part_order
    from events

    union all

    select
        'file operation' as row_kind,
        operations.part_id || ':' || cast(operations.item_index as {{ dbt.type_string() }})
            as row_id,
        sessions.machine,
        case
            when operations.file_path like '/%' then operations.file_path
            else
                coalesce(messages.working_directory, sessions.directory)
                || '/' || operations.file_path
        end as path,
        cast(null as {{ dbt.type_string() }}) as branch,
        cast(null as {{ dbt.type_string() }}) as commit_sha,
        false as is_branch_told,
        false as is_commit_told,
        false as is_detached,
        tool_calls.started_at as occurred_at,
        operations.part_id,
        operations.item_index as part_order
    from operations
    inner join tool_calls
        on
            operations.source_id = tool_calls.source_id
            and operations.part_id = tool_calls.part_id
    inner join sessions
        on tool_calls.session_id = sessions.session_id
    left join messages
        on tool_calls.message_id = messages.message_id

    union all

    select
        'step' as row_kind,
        messages.message_id as row_id,
        sessions.machine,
        coalesce(messages.working_directory, sessions.directory) as path,
        cast(null as {{ dbt.type_string() }}) as branch,
        cast(null as {{ dbt.type_string() }}) as commit_sha,
        false as is_branch_told,
        false as is_commit_told,
        false as is_detached,
        messages.created_at as occurred_at,
        messages.message_id as part_id,
        0 as part_order
    from messages
    inner join sessions
        on messages.session_id = sessions.session_id
    where messages.role = 'assistant' and messages.created_at is not null

)

select * from unioned
