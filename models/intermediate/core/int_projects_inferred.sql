with

sources as (

    select
        source_id,
        machine
    from {{ ref('stg_opencode__sources') }}

),

documents as (

    select distinct
        sources.machine,
        projects.project_id
    from {{ ref('stg_opencode__projects') }} as projects
    inner join sources
        on projects.source_id = sources.source_id

),

-- `global` is no work tree: each session of it is of the one that its steps name. Of any other
-- project all sessions are of one work tree.
sessions as (

    select
        sources.machine,
        sessions.project_id,
        sessions.project_id = 'global' as is_global,
        case
            when sessions.project_id = 'global' then coalesce(summaries.root_path, '/')
            else coalesce(nullif(summaries.root_path, '/'), sessions.directory)
        end as worktree,
        sessions.source_id,
        sessions.created_at,
        sessions.first_loaded_at,
        sessions.load_batch_id
    from {{ ref('stg_opencode__sessions') }} as sessions
    inner join sources
        on sessions.source_id = sources.source_id
    left join documents
        on
            sources.machine = documents.machine
            and sessions.project_id = documents.project_id
    left join {{ ref('int_sessions_summarized') }} as summaries
        on sessions.session_id = summaries.session_id
    where sessions.project_id != '' and documents.project_id is null

),

grouped as (

    select
        machine,
        project_id,
        is_global,
        worktree,
        count(*) as session_count,
        min(source_id) as source_id,
        min(created_at) as created_at,
        min(first_loaded_at) as first_loaded_at,
        max(load_batch_id) as load_batch_id
    from sessions
    group by
        machine,
        project_id,
        is_global,
        worktree

),

ranked as (

    select
        *,
        row_number() over (
            partition by machine, project_id
            order by worktree is null asc, session_count desc, worktree asc
        ) as place,
        min(created_at) over (partition by machine, project_id) as first_created_at,
        min(first_loaded_at) over (partition by machine, project_id) as first_seen_at,
        max(load_batch_id) over (partition by machine, project_id) as last_batch_id
    from grouped

),

-- A work tree that most sessions of a project name is the project's.
inferred as (

    select
        machine,
        project_id,
        worktree,
        not is_global or worktree = '/' as is_newest_of_id,
        case when is_global then created_at else first_created_at end as created_at,
        case when is_global then first_loaded_at else first_seen_at end as first_loaded_at,
        source_id,
        case when is_global then load_batch_id else last_batch_id end as load_batch_id
    from ranked
    where is_global or place = 1

)

select * from inferred
