-- A step that forks copied is counted in exactly one session, whatever became of the original.
with

steps as (

    select
        concat_ws(
            '|',
            provider_id,
            model_id,
            cast(created_at as {{ dbt.type_string() }}),
            cast(completed_at as {{ dbt.type_string() }}),
            cast(tokens_total as {{ dbt.type_string() }}),
            cast(cost_recorded_usd as {{ dbt.type_string() }})
        ) as step_key,
        session_id,
        is_fork_copy
    from {{ ref('messages') }}
    where role = 'assistant'

),

-- One row per step and session: alike steps of one session are steps of their own.
counted as (

    select
        step_key,
        session_id,
        count(*) as n_steps,
        sum(case when is_fork_copy then 1 else 0 end) as n_copies
    from steps
    group by
        step_key,
        session_id

),

owners as (

    select
        step_key,
        sum(n_copies) as n_copies,
        sum(n_steps - n_copies) as n_owned,
        max(n_steps) as n_alike
    from counted
    group by step_key

),

disowned as (

    select *
    from owners
    where n_copies > 0 and n_owned != n_alike

)

select * from disowned
