{{ incremental_by_session() }}

{%- set paths = {'text': 'text'} -%}

with

parts as (

    select *
    from {{ changed(ref('int_parts_deduplicated')) }}

),

messages as (

    select
        message_id,
        is_fork_copy,
        created_at
    from {{ changed(ref('messages')) }}

),

payloads as (

    select
        source_id,
        part_id,
        payload_json
    from {{ ref('stg_opencode__part_payloads') }}

),

items as (

    select
        source_id,
        part_id,
        text
    from {{ ref('int_session_message_items_unnested') }}

),

clocked as (

    select
        parts.part_id,
        parts.message_id,
        parts.session_id,
        parts.part_type,
        parts.part_type in ('text', 'reasoning') as has_content,
        parts.text_bytes,
        parts.part_cost_usd,
        parts.item_index,
        parts.message_format,
        parts.recorded_created_at,
        parts.source_id,
        parts.load_batch_id,
        parts.deleted_at,
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
        session_id,

        -- strings
        part_type,

        -- numbers
        cast(
            row_number() over (
                partition by message_id
                order by item_index asc nulls last, id_clock_at asc nulls last, part_id asc
            ) as bigint
        ) as sequence_number,
        case when has_content then text_bytes end as content_bytes,
        part_cost_usd,

        -- booleans
        is_orphan,
        is_fork_copy,

        -- timestamps
        coalesce(recorded_created_at, id_clock_at) as created_at,

        -- lineage
        source_id,
        load_batch_id,
        deleted_at,

        message_format,
        has_content
    from clocked

),

-- The text comes last, so that no window and no table of a join holds that of a whole history, and
-- the rows lie as the documents were landed: whoever asks for a session reads little else.
filled as (

    select
        described.*,
        case
            when described.has_content
                then {{ json_field(json_fields('payloads.payload_json', paths), paths, 'text') }}
        end as content
    from described
    inner join payloads
        on
            described.part_id = payloads.part_id
            and described.source_id = payloads.source_id
    where described.message_format = 1

    union all

    select
        described.*,
        case when described.has_content then items.text end as content
    from described
    inner join items
        on
            described.part_id = items.part_id
            and described.source_id = items.source_id
    where described.message_format = 2

),

final as (

    select
        part_id,
        message_id,
        session_id,
        part_type,
        content,
        sequence_number,
        content_bytes,
        part_cost_usd,
        is_orphan,
        is_fork_copy,
        created_at,
        source_id,
        load_batch_id,
        deleted_at
    from filled

)

select * from final
