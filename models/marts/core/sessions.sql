with

sessions as (

    select *
    from {{ ref('int_sessions_deduplicated') }}

),

trees as (

    select
        session_id,
        root_session_id,
        depth
    from {{ ref('int_session_trees_walked') }}

),

summaries as (

    select *
    from {{ ref('int_sessions_summarized') }}

),

project_documents as (

    select
        source_id,
        project_id as opencode_project_id,
        worktree
    from {{ ref('stg_opencode__projects') }}

),

project_aliases as (

    select
        machine,
        opencode_project_id,
        worktree,
        project_id,
        is_newest_of_id
    from {{ ref('project_aliases') }}

),

projects as (

    select
        project_id,
        machine,
        worktree
    from {{ ref('projects') }}

),

described as (

    select
        -- ids
        sessions.session_id,
        coalesce(moved_to.project_id, project_aliases.project_id) as project_id,
        -- a session in a ring of parents, which OpenCode cannot make, stands for itself
        case
            when trees.session_id is not null then sessions.parent_session_id
        end as parent_session_id,
        coalesce(trees.root_session_id, sessions.session_id) as root_session_id,

        -- strings
        sessions.machine,
        sessions.title,
        sessions.slug,
        sessions.directory,
        coalesce(summaries.root_path, projects.worktree) as root_path,
        sessions.version,
        {{ version_sort_key('sessions.version') }} as version_sort_key,
        coalesce(sessions.agent, summaries.last_agent) as agent,
        coalesce(
            sessions.provider_id || '/' || sessions.model_name, summaries.last_model_id
        ) as model_id,

        -- numbers
        coalesce(trees.depth, 0) as depth,
        sessions.additions,
        sessions.deletions,
        sessions.files_changed,
        sessions.tokens_total_recorded,
        sessions.cost_recorded_usd,
        {{ ms_between('summaries.started_at', 'summaries.ended_at') }} as duration_ms,

        -- booleans
        coalesce(trees.depth, 0) = 0 as is_root,
        coalesce(summaries.has_copied_messages, false)
        or coalesce({{ regex_match('sessions.title', ' [(]fork #[0-9]+[)]$') }}, false) as is_fork,
        sessions.is_inferred,

        -- timestamps
        coalesce(sessions.created_at, summaries.started_at) as created_at,
        sessions.updated_at,
        sessions.archived_at,
        summaries.ended_at,

        -- lineage
        sessions.source_id,
        sessions.load_batch_id,
        sessions.deleted_at
    from sessions
    left join trees
        on sessions.session_id = trees.session_id
    left join summaries
        on sessions.session_id = summaries.session_id
    -- one row: what the session's own store says of its project
    left join project_documents
        on
            sessions.source_id = project_documents.source_id
            and sessions.opencode_project_id = project_documents.opencode_project_id
    -- one row: that worktree's, or the newest of the id where the store does not tell (an export)
    left join project_aliases
        on
            sessions.machine = project_aliases.machine
            and sessions.opencode_project_id = project_aliases.opencode_project_id
            and case
                when project_documents.worktree is null then project_aliases.is_newest_of_id
                else project_documents.worktree = project_aliases.worktree
            end
    -- one row: a project is known by machine and worktree; a session of `global` may have moved
    left join projects as moved_to
        on
            sessions.opencode_project_id = 'global'
            and summaries.root_path != '/'
            and sessions.machine = moved_to.machine
            and summaries.root_path = moved_to.worktree
    left join projects
        on project_aliases.project_id = projects.project_id

)

select * from described
