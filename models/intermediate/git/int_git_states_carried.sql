with

moments as (

    select *
    from {{ ref('int_git_moments_placed') }}

),

-- How often the branch and the commit of the work tree had been told: rows of one count share what
-- was told last, which may be that it is not known any more. At one moment events come first.
counted as (

    select
        *,
        sum(case when is_branch_told then 1 else 0 end) over (
            partition by machine, work_tree
            order by occurred_at, row_kind, part_id, part_order
            rows between unbounded preceding and current row
        ) as n_branches_told,
        sum(case when is_commit_told then 1 else 0 end) over (
            partition by machine, work_tree
            order by occurred_at, row_kind, part_id, part_order
            rows between unbounded preceding and current row
        ) as n_commits_told
    from moments

),

carried as (

    select
        row_kind,
        row_id,
        machine,
        work_tree,
        max(case when is_branch_told then branch end) over (
            partition by machine, work_tree, n_branches_told
        ) as branch_in_force,
        max(case when is_commit_told then commit_sha end) over (
            partition by machine, work_tree, n_commits_told
        ) as commit_in_force,
        max(case when is_branch_told and is_detached then 1 else 0 end) over (
            partition by machine, work_tree, n_branches_told
        ) = 1 as is_detached_in_force
    from counted

)

select * from carried
