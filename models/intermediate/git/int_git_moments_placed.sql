with

work_trees as (

    select *
    from {{ ref('int_work_trees_found') }}

),

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
        working_directory
    from {{ ref('messages') }}

),

sessions as (

    select
        session_id,
        machine,
        directory
    from {{ ref('sessions') }}

),

-- A file operation tells nothing, and is told what was in force.
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

),

-- Work trees lie within one another: the innermost counts.
placed as (

    select
        unioned.*,
        work_trees.work_tree,
        row_number() over (
            partition by unioned.row_kind, unioned.row_id
            order by length(work_trees.work_tree) desc
        ) as tree_rank
    from unioned
    inner join work_trees
        on
            unioned.machine = work_trees.machine
            and (
                unioned.path = work_trees.work_tree
                or {{ is_below('unioned.path', 'work_trees.work_tree') }}
            )

),

innermost as (

    select
        row_kind,
        row_id,
        machine,
        work_tree,
        branch,
        commit_sha,
        is_branch_told,
        is_commit_told,
        is_detached,
        occurred_at,
        part_id,
        part_order
    from placed
    where tree_rank = 1

)

select * from innermost
