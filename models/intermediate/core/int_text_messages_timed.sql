{{ incremental_by_session() }}

with

parts as (

    select
        part_id,
        message_id,
        session_id,
        source_id,
        content_bytes,
        sequence_number,
        is_orphan,
        is_fork_copy,
        created_at,
        load_batch_id,
        deleted_at
    from {{ changed(ref('parts')) }}
    where part_type in ('text')

),

messages as (

    select
        message_id,
        role
    from {{ changed(ref('messages')) }}

),

texts as (

    select
        source_id,
        part_id,
        is_synthetic,
        is_ignored,
        text_start,
        text_started_at,
        text_ended_at,
        case
            when text_started_at is null then 'no clock'
            when text_ended_at is null then 'not ended'
            -- up to 1.2, so that every text seems to take no time
            when text_ended_at = text_started_at then 'end overwrote start'
        end as clock_problem
    from {{ ref('stg_opencode__parts') }}
    where part_type = 'text'

),

described as (

    select
        -- ids
        parts.part_id,
        parts.message_id,
        parts.session_id,

        -- strings
        messages.role,
        case
            when texts.part_id is null then 'no clock'
            else texts.clock_problem
        end as clock_problem,

        -- numbers
        parts.sequence_number,
        parts.content_bytes,
        cast(null as bigint) as token_count,
        case
            when texts.clock_problem is null
                then {{ ms_between('texts.text_started_at', 'texts.text_ended_at') }}
        end as duration_ms,

        -- booleans
        coalesce(texts.is_synthetic, false) as is_synthetic,
        coalesce(texts.is_ignored, false) as is_ignored,
        coalesce(texts.text_start like 'The following tool was executed by the user%', false)
            as is_note_of_shell,
        parts.is_orphan,
        parts.is_fork_copy,

        -- timestamps
        parts.created_at,

        -- lineage
        parts.source_id,
        parts.load_batch_id,
        parts.deleted_at
    from parts
    left join messages
        on parts.message_id = messages.message_id
    -- one row: the document of the store that counts; none for a v2 part
    left join texts
        on
            parts.part_id = texts.part_id
            and parts.source_id = texts.source_id

)

select * from described
