with

projects as (

    select *
    from {{ ref('int_projects_deduplicated') }}

),

-- OpenCode changed how it makes project ids: rows of one machine and worktree are one project. A
-- row whose worktree is unknown stands for itself. What was landed first counts, so that an id that
-- was published stays when an older record comes later; `global` is nobody's own id.
ranked_by_worktree as (

    select
        *,
        row_number() over (
            partition by machine, coalesce(worktree, '?' || project_id)
            order by
                project_id = 'global' asc,
                first_loaded_at asc nulls last,
                created_at asc nulls last,
                project_id asc
        ) as age_rank,
        first_value(project_id) over (
            partition by machine, coalesce(worktree, '?' || project_id)
            order by
                project_id = 'global' asc,
                first_loaded_at asc nulls last,
                created_at asc nulls last,
                project_id asc
        ) as earliest_project_id
    from projects

),

-- Clones share the id of their repository, and machines share `global`: the first that was landed
-- keeps the id, the others get their place added.
owners as (

    select
        machine,
        worktree,
        project_id as opencode_project_id,
        project_id = 'global' and worktree != '/' as is_out_of_global,
        row_number() over (
            partition by project_id
            order by
                project_id = 'global' and worktree != '/' asc,
                first_loaded_at asc nulls last,
                created_at asc nulls last,
                machine asc,
                worktree asc nulls last
        ) as clone_rank
    from ranked_by_worktree
    where age_rank = 1

),

unified as (

    select
        case
            when owners.clone_rank = 1 and not coalesce(owners.is_out_of_global, false)
                then ranked_by_worktree.earliest_project_id
            else
                ranked_by_worktree.earliest_project_id || '@' || ranked_by_worktree.machine
                || coalesce(':' || ranked_by_worktree.worktree, '')
        end as project_id,
        ranked_by_worktree.machine,
        ranked_by_worktree.project_id as opencode_project_id,
        ranked_by_worktree.worktree,
        ranked_by_worktree.vcs,
        ranked_by_worktree.name,
        ranked_by_worktree.is_inferred,
        ranked_by_worktree.is_newest_of_id,
        ranked_by_worktree.age_rank = 1 as is_earliest,
        ranked_by_worktree.created_at,
        ranked_by_worktree.updated_at,
        ranked_by_worktree.source_id,
        ranked_by_worktree.load_batch_id,
        ranked_by_worktree.deleted_at
    from ranked_by_worktree
    inner join owners
        on
            ranked_by_worktree.machine = owners.machine
            and ranked_by_worktree.earliest_project_id = owners.opencode_project_id
            and coalesce(ranked_by_worktree.worktree, '?') = coalesce(owners.worktree, '?')

)

select * from unified
