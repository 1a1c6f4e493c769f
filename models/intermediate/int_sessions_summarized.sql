with

messages as (

    select
        message_id,
        session_id,
        role,
        coalesce(agent, mode) as agent,
        provider_id || '/' || model_name as model_id,
        root_path,
        resolved_created_at,
        completed_at,
        is_older_than_session
    from {{ ref('int_messages_timed') }}
    where role in ('user', 'assistant')

),

-- The earliest and the latest message of a session, ties broken by id so that a rebuild agrees.
ranked as (

    select
        *,
        row_number() over (
            partition by session_id
            order by resolved_created_at desc nulls last, message_id desc
        ) as recency
    from messages

),

-- A fork's own time begins after what it copied.
summarized as (

    select
        session_id,
        min_by(root_path, {{ timestamp_to_ms('resolved_created_at') }}) as root_path,
        max(case when recency = 1 then agent end) as last_agent,
        max(case when recency = 1 then model_id end) as last_model_id,
        bool_or(is_older_than_session) as has_copied_messages,
        min(case when not is_older_than_session then resolved_created_at end) as started_at,
        max(
            case
                when not is_older_than_session then coalesce(completed_at, resolved_created_at)
            end
        ) as ended_at
    from ranked
    group by session_id

)

select * from summarized
