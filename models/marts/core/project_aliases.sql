with

projects as (

    select *
    from {{ ref('int_projects_unified') }}

),

aliases as (

    select
        -- ids
        concat_ws(':', machine, opencode_project_id, worktree) as project_alias_id,
        project_id,
        opencode_project_id,
        machine,

        -- strings
        worktree,

        -- booleans
        is_newest_of_id,
        is_inferred,

        -- timestamps
        created_at,

        -- lineage
        source_id,
        deleted_at
    from projects

)

select * from aliases
