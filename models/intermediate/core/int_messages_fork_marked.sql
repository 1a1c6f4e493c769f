with

messages as (

    select *
    from {{ ref('int_messages_keyed') }}

),

-- The earliest session that still holds the message owns it, be it the original or a fork of a
-- session that was deleted before it was ever loaded.
marked as (

    select
        message_id,
        session_id,
        may_be_copy
        and row_number() over (
            partition by copy_key, nth_in_session
            order by session_created_at asc nulls last, session_id asc
        ) > 1 as is_fork_copy
    from messages

)

select * from marked
