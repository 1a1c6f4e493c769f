with

operations as (

    select *
    from {{ ref('int_file_operations_unnested') }}

),

tool_calls as (

    select
        part_id,
        message_id,
        session_id,
        source_id,
        tool_name,
        status,
        is_orphan,
        is_fork_copy,
        started_at,
        load_batch_id,
        deleted_at
    from {{ ref('tool_calls') }}

),

git_states as (

    select
        row_id,
        branch_in_force,
        commit_in_force
    from {{ ref('int_git_states_carried') }}
    where row_kind = 'file operation'

),

described as (

    select
        -- ids
        operations.part_id || ':' || cast(operations.item_index as {{ dbt.type_string() }})
            as file_op_id,
        operations.part_id,
        tool_calls.message_id,
        tool_calls.session_id,

        -- strings
        operations.operation,
        operations.file_path,
        operations.moved_to_path,
        tool_calls.tool_name,
        tool_calls.status,
        git_states.branch_in_force as git_branch,
        git_states.commit_in_force as git_commit,
        operations.git_diff,

        -- numbers
        operations.file_size,
        operations.additions,
        operations.deletions,

        -- booleans
        operations.is_directory,
        tool_calls.is_orphan,
        tool_calls.is_fork_copy,

        -- timestamps
        tool_calls.started_at as occurred_at,

        -- lineage
        tool_calls.source_id,
        tool_calls.load_batch_id,
        tool_calls.deleted_at
    from operations
    -- one row: the document of the store that counts
    inner join tool_calls
        on
            operations.part_id = tool_calls.part_id
            and operations.source_id = tool_calls.source_id
    left join git_states
        on
            operations.part_id || ':' || cast(operations.item_index as {{ dbt.type_string() }})
            = git_states.row_id

)

select * from described
