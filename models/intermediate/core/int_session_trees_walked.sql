with recursive

sessions as (

    select
        session_id,
        parent_session_id
    from {{ ref('int_sessions_deduplicated') }}

),

walked as (

    select
        session_id,
        session_id as root_session_id,
        cast(0 as bigint) as depth
    from sessions
    where parent_session_id is null

    union all

    select
        sessions.session_id,
        walked.root_session_id,
        walked.depth + 1 as depth
    from walked
    inner join sessions
        on walked.session_id = sessions.parent_session_id

)

select * from walked
