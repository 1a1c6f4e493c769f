with

events as (

    select *
    from {{ ref('int_git_events_derived') }}

),

states as (

    select
        row_id,
        work_tree,
        branch_in_force,
        commit_in_force,
        is_detached_in_force
    from {{ ref('int_git_states_carried') }}
    where row_kind = 'event'

),

tool_calls as (

    select
        source_id,
        part_id,
        tool_call_id,
        is_orphan,
        is_fork_copy,
        load_batch_id,
        deleted_at
    from {{ ref('tool_calls') }}

),

sessions as (

    select
        session_id,
        project_id
    from {{ ref('sessions') }}

),

described as (

    select
        -- ids
        events.git_event_id,
        tool_calls.tool_call_id,
        events.part_id,
        events.message_id,
        events.session_id,
        sessions.project_id,

        -- strings
        events.event_type,
        events.git_command,
        events.evidence,
        events.directory,
        states.work_tree,
        events.remote,
        events.branch,
        events.commit_sha,
        states.branch_in_force as branch_after,
        states.commit_in_force as commit_after,

        -- booleans
        events.is_successful,
        coalesce(states.is_detached_in_force, false) as is_detached,
        tool_calls.is_orphan,
        tool_calls.is_fork_copy,

        -- timestamps
        events.occurred_at,

        -- lineage
        events.source_id,
        tool_calls.load_batch_id,
        tool_calls.deleted_at
    from events
    inner join tool_calls
        on
            events.source_id = tool_calls.source_id
            and events.part_id = tool_calls.part_id
    left join states
        on events.git_event_id = states.row_id
    left join sessions
        on events.session_id = sessions.session_id

)

select * from described
