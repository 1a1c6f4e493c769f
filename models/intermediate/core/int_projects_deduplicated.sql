with

sources as (

    select
        source_id,
        machine,
        kind
    from {{ ref('stg_opencode__sources') }}

),

projects as (

    select *
    from {{ ref('stg_opencode__projects') }}

),

sessions as (

    select
        source_id,
        project_id,
        created_at,
        load_batch_id
    from {{ ref('stg_opencode__sessions') }}
    where project_id != ''

),

-- `global` is a project on every machine, and two clones of one repository share an id on one
-- machine: a project is known by machine, id and worktree.
ranked as (

    select
        projects.project_id,
        projects.worktree,
        projects.vcs,
        projects.name,
        projects.created_at,
        projects.updated_at,
        projects.source_id,
        projects.load_batch_id,
        projects.deleted_at,
        sources.machine,
        row_number() over (
            partition by sources.machine, projects.project_id, projects.worktree
            order by
                {{ store_preference('sources.kind') }} asc,
                projects.deleted_at is not null asc,
                projects.origin_modified_at desc nulls last,
                projects.source_id asc
        ) as store_rank,
        row_number() over (
            partition by sources.machine, projects.project_id
            order by
                {{ store_preference('sources.kind') }} asc,
                projects.deleted_at is not null asc,
                projects.origin_modified_at desc nulls last,
                projects.source_id asc
        ) = 1 as is_newest_of_id
    from projects
    inner join sources
        on projects.source_id = sources.source_id

),

-- Sessions may name a project whose document is gone, was rejected, or is not in an export.
named_by_sessions as (

    select
        sources.machine,
        sessions.project_id,
        min(sessions.source_id) as source_id,
        min(sessions.created_at) as created_at,
        max(sessions.load_batch_id) as load_batch_id
    from sessions
    inner join sources
        on sessions.source_id = sources.source_id
    group by
        sources.machine,
        sessions.project_id

),

unioned as (

    select
        machine,
        project_id,
        worktree,
        vcs,
        name,
        is_newest_of_id,
        false as is_inferred,
        created_at,
        updated_at,
        source_id,
        load_batch_id,
        deleted_at
    from ranked
    where store_rank = 1

    union all

    select
        named_by_sessions.machine,
        named_by_sessions.project_id,
        cast(null as {{ dbt.type_string() }}) as worktree,
        cast(null as {{ dbt.type_string() }}) as vcs,
        cast(null as {{ dbt.type_string() }}) as name,
        true as is_newest_of_id,
        true as is_inferred,
        named_by_sessions.created_at,
        cast(null as timestamp) as updated_at,
        named_by_sessions.source_id,
        named_by_sessions.load_batch_id,
        cast(null as timestamp) as deleted_at
    from named_by_sessions
    -- at most one row of an id is its newest
    left join ranked
        on
            named_by_sessions.machine = ranked.machine
            and named_by_sessions.project_id = ranked.project_id
            and ranked.is_newest_of_id
    where ranked.project_id is null

)

select * from unioned
