{{ incremental_by_session() }}

with

errors as (

    select
        error_id,
        session_id,
        error_source,
        tool_name,
        model_id,
        error_category,
        fingerprint,
        source_id
    from {{ changed(ref('errors')) }}
    where not is_fork_copy and not is_consequence

),

found as (

    select *
    from {{ changed(ref('int_problem_resolutions_found')) }}

),

tool_calls as (

    select
        session_id,
        tool_name,
        started_at,
        part_id
    from {{ changed(ref('tool_calls')) }}
    where not is_fork_copy and not is_orphan

),

users as (

    select
        session_id,
        created_at
    from {{ changed(ref('messages')) }}
    where role = 'user' and not is_fork_copy

),

-- What was done between the error and what resolved it.
called as (

    select
        found.error_id,
        count(*) as n_tool_calls_between,
        {{ sorted_values('tool_calls.tool_name') }} as tools_between
    from found
    inner join tool_calls
        on
            found.session_id = tool_calls.session_id
            and found.occurred_at <= tool_calls.started_at
            and found.resolution_started_at > tool_calls.started_at
            and found.resolved_by_id != tool_calls.part_id
            and found.error_id != tool_calls.part_id
    group by found.error_id

),

asked as (

    select
        found.error_id,
        count(*) as n_user_messages_between
    from found
    inner join users
        on
            found.session_id = users.session_id
            and found.occurred_at <= users.created_at
            and found.resolution_started_at >= users.created_at
    group by found.error_id

),

described as (

    select
        -- ids
        errors.error_id,
        errors.fingerprint,
        errors.session_id,
        found.resolved_by_id,

        -- strings
        errors.error_category,
        errors.error_source,
        errors.tool_name,
        errors.model_id,
        nullif(found.target, '') as target,
        case
            when found.resolved_by_id is null then null
            when coalesce(asked.n_user_messages_between, 0) > 0 then 'user_intervened'
            when coalesce(called.n_tool_calls_between, 0) > 0 then 'other_tools'
            when found.attempt_kind = 'step' or found.is_same_arguments then 'retried'
            else 'changed_arguments'
        end as resolution_kind,
        called.tools_between,

        -- numbers
        case
            when found.resolved_by_id is not null
                then {{ ms_between('found.occurred_at', 'found.resolved_at') }}
        end as time_to_resolution_ms,
        case
            when found.resolved_by_id is not null then coalesce(called.n_tool_calls_between, 0)
        end as n_tool_calls_between,
        case
            when found.resolved_by_id is not null then coalesce(asked.n_user_messages_between, 0)
        end as n_user_messages_between,

        -- booleans
        found.resolved_by_id is not null as is_resolved,

        -- timestamps
        found.occurred_at,
        found.resolved_at,

        -- lineage
        errors.source_id
    from errors
    inner join found
        on errors.error_id = found.error_id
    left join called
        on errors.error_id = called.error_id
    left join asked
        on errors.error_id = asked.error_id

)

select * from described
