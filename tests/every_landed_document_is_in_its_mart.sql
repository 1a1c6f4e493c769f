-- What was landed, from whichever store, is in the marts under its id: nothing is lost on the way.
with

landed as (

    select
        'sessions' as mart,
        session_id as document_id
    from {{ ref('stg_opencode__sessions') }}

    union all

    select
        'messages' as mart,
        message_id as document_id
    from {{ ref('stg_opencode__messages') }}

    union all

    select
        'messages' as mart,
        message_id as document_id
    from {{ ref('stg_opencode__session_messages') }}
    where message_type not in ('agent-switched', 'model-switched')

    union all

    select
        'parts' as mart,
        part_id as document_id
    from {{ ref('stg_opencode__parts') }}

),

published as (

    select
        'sessions' as mart,
        session_id as document_id
    from {{ ref('sessions') }}

    union all

    select
        'messages' as mart,
        message_id as document_id
    from {{ ref('messages') }}

    union all

    select
        'parts' as mart,
        part_id as document_id
    from {{ ref('parts') }}

),

lost as (

    select
        landed.mart,
        landed.document_id
    from landed
    left join published
        on
            landed.mart = published.mart
            and landed.document_id = published.document_id
    where published.document_id is null

)

select * from lost
