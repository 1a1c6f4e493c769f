with

projects as (

    select *
    from {{ ref('int_projects_unified') }}

),

aliases as (

    select
        -- ids
        machine || ':' || opencode_project_id as project_alias_id,
        project_id,
        opencode_project_id,
        machine,

        -- booleans
        is_inferred,

        -- timestamps
        created_at,

        -- lineage
        source_id,
        deleted_at
    from projects

)

select * from aliases
