{{ incremental_by_session() }}

with

errors as (

    select
        error_id,
        part_id,
        case when error_source = 'tool' then part_id end as call_id,
        message_id,
        session_id,
        error_source,
        model_id,
        occurred_at
    from {{ changed(ref('errors')) }}
    where not is_fork_copy and not is_consequence

),

attempts as (

    select *
    from {{ changed(ref('int_problem_attempts_unioned')) }}
    where not is_fork_copy

),

-- What failed, as an attempt: the call itself, or a step of the model that was asked.
failed as (

    select
        errors.error_id,
        errors.session_id,
        errors.error_source,
        case when errors.error_source = 'tool' then 'tool' else 'step' end as attempt_kind,
        coalesce(errors.part_id, errors.message_id) as own_id,
        errors.message_id,
        coalesce(calls.actor, errors.model_id, '') as actor,
        coalesce(calls.target, '') as target,
        calls.arguments_hash,
        coalesce(errors.occurred_at, calls.ended_at) as occurred_at
    from errors
    left join attempts as calls
        on errors.call_id = calls.attempt_id

),

-- An attempt that was repeated within its step succeeded with that step.
later as (

    select
        failed.error_id,
        failed.occurred_at,
        attempts.attempt_id,
        attempts.started_at,
        attempts.ended_at,
        attempts.arguments_hash = failed.arguments_hash as is_same_arguments,
        row_number() over (
            partition by failed.error_id
            order by attempts.started_at asc, attempts.attempt_id asc
        ) as nth
    from failed
    inner join attempts
        on
            failed.session_id = attempts.session_id
            and failed.attempt_kind = attempts.attempt_kind
            and failed.actor = attempts.actor
            -- a call without usable arguments had no target: any later one of the tool mends it
            and (failed.target = attempts.target or failed.target = '')
            and attempts.is_success
            and failed.own_id != attempts.attempt_id
            and (
                failed.occurred_at <= attempts.started_at
                or (failed.error_source = 'retry' and failed.message_id = attempts.attempt_id)
            )

),

found as (

    select
        failed.error_id,
        failed.session_id,
        failed.attempt_kind,
        failed.actor,
        failed.target,
        failed.occurred_at,
        later.attempt_id as resolved_by_id,
        later.started_at as resolution_started_at,
        later.ended_at as resolved_at,
        coalesce(later.is_same_arguments, false) as is_same_arguments
    from failed
    left join later
        on failed.error_id = later.error_id and later.nth = 1

)

select * from found
