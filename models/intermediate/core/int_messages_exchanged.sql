{{ incremental_by_session() }}

with

messages as (

    select
        message_id,
        session_id,
        parent_message_id,
        role,
        is_older_than_session,
        resolved_created_at
    from {{ changed(ref('int_messages_timed')) }}

),

-- A parent may be in another session: OpenCode 1.0 lets the answers that a fork copied name the
-- original's user message.
parents as (

    select
        message_id,
        session_id,
        role,
        resolved_created_at
    from {{ ref('int_messages_timed') }}

),

-- The user rows of a session, counted: what follows the nth has its number. A user row and its
-- first answer can bear the same millisecond.
counted as (

    select
        *,
        count(case when role = 'user' then 1 end) over (
            partition by session_id
            order by
                resolved_created_at asc nulls last,
                case when role = 'user' then 0 else 1 end asc,
                message_id asc
            rows between unbounded preceding and current row
        ) as nth_user
    from messages

),

users as (

    select
        session_id,
        message_id,
        nth_user
    from counted
    where role = 'user'

),

-- The copy of that user message in the fork bears the same time.
copied_users as (

    select
        session_id,
        resolved_created_at,
        min(message_id) as message_id
    from messages
    where role = 'user'
    group by session_id, resolved_created_at

),

resolved as (

    select
        counted.message_id,
        counted.session_id,
        counted.parent_message_id,
        counted.role,
        case
            when counted.role = 'user' then counted.message_id
            when parents.role = 'user' and parents.session_id = counted.session_id
                then parents.message_id
            when parents.role = 'user' and copied_users.message_id is not null
                then copied_users.message_id
            -- A parent that is nowhere was deleted: of a copy it is the original's, and the copy's
            -- own user message stands before it. Anything else would be charged to the wrong turn.
            when
                counted.parent_message_id is null
                or parents.message_id is not null
                or counted.is_older_than_session
                then preceding.message_id
        end as user_message_id
    from counted
    -- all joins find at most one row
    left join parents
        on counted.parent_message_id = parents.message_id
    left join copied_users
        on
            counted.session_id = copied_users.session_id
            and parents.resolved_created_at = copied_users.resolved_created_at
    left join users as preceding
        on
            counted.session_id = preceding.session_id
            and counted.nth_user = preceding.nth_user

),

-- The id hangs on the user message alone, so that no message that comes or goes changes it.
exchanged as (

    select
        message_id,
        session_id,
        user_message_id,
        case
            when user_message_id is not null then user_message_id
            when role = 'assistant'
                then session_id || ':' || coalesce(parent_message_id, 'unprompted')
        end as exchange_id
    from resolved

)

select * from exchanged
