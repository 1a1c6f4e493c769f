with

work_trees as (

    select *
    from {{ ref('int_work_trees_found') }}

),

moments as (

    select *
    from {{ ref('int_git_moments_unioned') }}

),

-- Work trees lie within one another: the innermost counts.
placed as (

    select
        moments.*,
        work_trees.work_tree,
        row_number() over (
            partition by moments.row_kind, moments.row_id
            order by length(work_trees.work_tree) desc
        ) as tree_rank
    from moments
    inner join work_trees
        on
            moments.machine = work_trees.machine
            and (
                moments.path = work_trees.work_tree
                or {{ is_below('moments.path', 'work_trees.work_tree') }}
            )

),

innermost as (

    select
        row_kind,
        row_id,
        machine,
        work_tree,
        branch,
        commit_sha,
        is_branch_told,
        is_commit_told,
        is_detached,
        occurred_at,
        part_id,
        part_order
    from placed
    where tree_rank = 1

)

select * from innermost
