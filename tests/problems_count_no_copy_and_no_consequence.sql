-- Problems, resolutions and categories count each error once, and none that a fork copied or that
-- repeats another.
with

counted as (

    select
        (
            select count(*) from {{ ref('errors') }}
            where not is_fork_copy and not is_consequence
        ) as n_errors,
        (select count(*) from {{ ref('problem_resolutions') }}) as n_resolutions,
        (select coalesce(sum(occurrences), 0) from {{ ref('problems') }}) as n_of_problems,
        (
            select coalesce(sum(occurrences), 0) from {{ ref('problem_categories') }}
        ) as n_of_categories

),

differing as (

    select *
    from counted
    where
        n_errors != n_resolutions
        or n_errors != n_of_problems
        or n_errors != n_of_categories

)

select * from differing
