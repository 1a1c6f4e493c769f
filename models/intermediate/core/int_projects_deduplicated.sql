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
        projects.first_loaded_at,
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
        first_loaded_at,
        source_id,
        load_batch_id,
        deleted_at
    from ranked
    where store_rank = 1

    union all

    -- Sessions may name a project whose document is gone, was rejected, or is not in an export.
    select
        machine,
        project_id,
        worktree,
        cast(null as {{ dbt.type_string() }}) as vcs,
        cast(null as {{ dbt.type_string() }}) as name,
        is_newest_of_id,
        true as is_inferred,
        created_at,
        cast(null as timestamp) as updated_at,
        first_loaded_at,
        source_id,
        load_batch_id,
        cast(null as timestamp) as deleted_at
    from {{ ref('int_projects_inferred') }}

)

select * from unioned
