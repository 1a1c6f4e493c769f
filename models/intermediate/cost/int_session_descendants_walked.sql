with recursive

sessions as (

    select
        session_id,
        parent_session_id
    from {{ ref('sessions') }}

),

-- Rings of parents are already cut in `sessions`, so this ends.
walked as (

    select
        session_id,
        session_id as descendant_session_id
    from sessions

    union all

    select
        walked.session_id,
        sessions.session_id as descendant_session_id
    from walked
    inner join sessions
        on walked.descendant_session_id = sessions.parent_session_id

)

select * from walked
