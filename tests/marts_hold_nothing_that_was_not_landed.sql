-- Every row of a mart goes back to a landed document, but for sessions that only others name
-- (is_inferred).
with

landed as (

    select session_id as document_id
    from {{ ref('stg_opencode__sessions') }}

    union all

    select message_id as document_id
    from {{ ref('stg_opencode__messages') }}

    union all

    select message_id as document_id
    from {{ ref('stg_opencode__session_messages') }}

    union all

    select part_id as document_id
    from {{ ref('stg_opencode__parts') }}

    union all

    select part_id as document_id
    from {{ ref('int_session_message_items_unnested') }}

),

published as (

    select session_id as document_id
    from {{ ref('sessions') }}
    where not is_inferred

    union all

    select message_id as document_id
    from {{ ref('messages') }}

    union all

    select part_id as document_id
    from {{ ref('parts') }}

),

invented as (

    select published.document_id
    from published
    left join landed
        on published.document_id = landed.document_id
    where landed.document_id is null

)

select * from invented
