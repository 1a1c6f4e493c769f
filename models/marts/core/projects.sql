with

projects as (

    select *
    from {{ ref('int_projects_unified') }}

),

-- One row per project; the newest id knows its newest name and kind.
described as (

    select
        project_id,
        max_by(name, updated_at) as name,
        max_by(vcs, updated_at) as vcs,
        max(updated_at) as updated_at,
        min(created_at) as created_at,
        bool_and(is_inferred) as is_inferred
    from projects
    group by project_id

),

earliest as (

    select
        -- ids
        projects.project_id,
        projects.machine,

        -- strings
        projects.worktree,
        described.vcs,
        described.name,
        coalesce(
            described.name, {{ last_of_path('projects.worktree') }}, projects.project_id
        ) as display_name,

        -- booleans
        described.is_inferred,

        -- timestamps
        described.created_at,
        described.updated_at,

        -- lineage
        projects.source_id,
        projects.deleted_at
    from projects
    inner join described
        on projects.project_id = described.project_id
    where projects.is_earliest

)

select * from earliest
