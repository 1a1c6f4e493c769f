with

parts as (

    select *
    from {{ ref('int_parts_deduplicated') }}

),

messages as (

    select
        message_id,
        session_id,
        is_fork_copy,
        created_at
    from {{ ref('messages') }}

),

clocked as (

    select
        parts.part_id,
        parts.message_id,
        parts.session_id,
        parts.part_type,
        parts.content,
        parts.part_cost_usd,
        parts.item_index,
        parts.recorded_created_at,
        parts.source_id,
        parts.load_batch_id,
        parts.deleted_at,
        messages.session_id as message_session_id,
        messages.message_id is null as is_orphan,
        coalesce(messages.is_fork_copy, false) as is_fork_copy,
        -- null for a v2 part, whose id is none of OpenCode's
        {{ id_clock_at(
            'parts.part_id',
            'coalesce(messages.created_at, parts.recorded_created_at, parts.origin_modified_at)'
        ) }} as id_clock_at
    from parts
    left join messages
        on parts.message_id = messages.message_id

),

-- Ids ascend within a message; their clock, taken out of its wrap, still does where the raw id does
-- not.
described as (

    select
        -- ids
        part_id,
        message_id,
        coalesce(message_session_id, session_id) as session_id,

        -- strings
        part_type,
        content,

        -- numbers
        cast(
            row_number() over (
                partition by message_id
                order by item_index asc nulls last, id_clock_at asc nulls last, part_id asc
            ) as bigint
        ) as sequence_number,
        part_cost_usd,

        -- booleans
        is_orphan,
        is_fork_copy,

        -- timestamps
        coalesce(recorded_created_at, id_clock_at) as created_at,

        -- lineage
        source_id,
        load_batch_id,
        deleted_at
    from clocked

)

select * from described
