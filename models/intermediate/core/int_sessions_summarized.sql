with

messages as (

    select
        message_id,
        session_id,
        role,
        agent,
        provider_id || '/' || model_name as model_id,
        root_path,
        resolved_created_at,
        completed_at,
        is_older_than_session
    from {{ ref('int_messages_timed') }}
    where role in ('user', 'assistant')

),

copies as (

    select
        message_id,
        is_fork_copy
    from {{ ref('int_messages_fork_marked') }}

),

-- The earliest and the latest message of a session, ties broken by id so that a rebuild agrees.
ranked as (

    select
        messages.session_id,
        messages.agent,
        messages.model_id,
        messages.root_path,
        messages.resolved_created_at,
        messages.completed_at,
        -- a session whose own time is unknown shows only by the mark that it holds copies
        messages.is_older_than_session or copies.is_fork_copy as is_copied,
        row_number() over (
            partition by messages.session_id
            order by messages.resolved_created_at desc nulls last, messages.message_id desc
        ) as recency
    from messages
    inner join copies
        on messages.message_id = copies.message_id

),

-- A fork's own time begins after what it copied.
summarized as (

    select
        session_id,
        -- the first that is a work tree: one that began outside of git may have moved into it
        coalesce(
            min_by(
                case when root_path != '/' then root_path end,
                case when root_path != '/' then {{ timestamp_to_ms('resolved_created_at') }} end
            ),
            min(root_path)
        ) as root_path,
        max(case when recency = 1 then agent end) as last_agent,
        max(case when recency = 1 then model_id end) as last_model_id,
        bool_or(is_copied) as has_copied_messages,
        min(case when not is_copied then resolved_created_at end) as started_at,
        max(
            case
                when not is_copied then coalesce(completed_at, resolved_created_at)
            end
        ) as ended_at
    from ranked
    group by session_id

)

select * from summarized
