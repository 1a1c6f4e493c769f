{{ config(post_hook='{{ health_check_function() }}') }}

with

results as (

    select *
    from {{ ref('health_check_results') }}

),

-- Builds of an earlier "now", this one among them.
history as (

    select
        history.check_id,
        history.build_id,
        history.status,
        history.value,
        history.checked_at,
        results.status as status_now,
        row_number() over (
            partition by history.check_id
            order by history.checked_at desc, history.build_id asc
        ) as nth_newest
    from {{ ref('health_check_history') }} as history
    inner join results
        on history.check_id = results.check_id
    where history.checked_at < results.checked_at or history.build_id = results.build_id

),

-- Where the unbroken run of builds with the present status begins.
broken as (

    select
        check_id,
        coalesce(min(case when status != status_now then nth_newest end), count(*) + 1)
            as nth_of_other_status,
        count(*) as n_builds
    from history
    group by check_id

),

runs as (

    select
        history.check_id,
        broken.n_builds,
        broken.nth_of_other_status - 1 as n_builds_in_status,
        min(
            case when history.nth_newest < broken.nth_of_other_status then history.checked_at end
        ) as since,
        max(
            case when history.nth_newest = broken.nth_of_other_status then history.status end
        ) as other_status,
        max(case when history.nth_newest = 2 then history.value end) as previous_value
    from history
    inner join broken
        on history.check_id = broken.check_id
    group by
        history.check_id,
        broken.n_builds,
        broken.nth_of_other_status

),

described as (

    select
        -- ids
        results.check_id,
        results.build_id,

        -- strings
        results.name,
        results.family,
        results.question,
        results.status,
        runs.other_status as previous_status,
        results.severity,
        results.unit,
        results.direction,
        results.details,
        results.remedy,
        case
            when results.value is null or runs.previous_value is null then null
            when results.value = runs.previous_value then 'same'
            when (results.value > runs.previous_value) = (results.direction = 'at_least')
                then 'better'
            else 'worse'
        end as trend,

        -- numbers
        results.value,
        runs.previous_value,
        results.threshold,
        results.n_checked,
        results.n_failed,
        runs.n_builds_in_status,
        runs.n_builds,

        -- timestamps
        results.checked_at,
        runs.since
    from results
    inner join runs
        on results.check_id = runs.check_id

)

select * from described
