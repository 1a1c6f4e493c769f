{{ config(materialized='view') }}

with

parts as (

    select *
    from {{ ref('stg_opencode__parts') }}

),

messages as (

    select
        message_id,
        session_id,
        message_format
    from {{ ref('int_messages_deduplicated') }}

),

-- Where a message is there as a classic document, its parts are documents of their own.
items as (

    select *
    from {{ ref('int_session_message_items_unnested') }} as session_message_items
    where
        exists (
            select 1
            from messages
            where
                messages.message_id = session_message_items.message_id
                and messages.message_format = 2
        )

),

-- A part belongs where its message is.
unioned as (

    select
        parts.part_id,
        parts.message_id,
        coalesce(messages.session_id, parts.session_id) as session_id,
        parts.part_type,
        parts.text_bytes,
        parts.text_code,
        case when parts.part_type = 'step-finish' then parts.cost_recorded_usd end as part_cost_usd,
        cast(null as bigint) as item_index,
        1 as message_format,
        -- up to 1.3 the end of a text overwrites its start: its id still tells when it began
        coalesce(
            case
                when parts.text_ended_at is null or parts.text_ended_at > parts.text_started_at
                    then parts.text_started_at
            end,
            parts.tool_started_at,
            parts.retry_created_at
        ) as recorded_created_at,
        parts.source_id,
        parts.origin_modified_at,
        parts.load_batch_id,
        parts.deleted_at
    from parts
    left join messages
        on parts.message_id = messages.message_id

    union all

    select
        part_id,
        message_id,
        session_id,
        part_type,
        {{ text_bytes('text') }} as text_bytes,
        {{ text_code('text') }} as text_code,
        cast(null as decimal(18, 10)) as part_cost_usd,
        item_index,
        2 as message_format,
        created_at as recorded_created_at,
        source_id,
        origin_modified_at,
        load_batch_id,
        deleted_at
    from items

)

select * from unioned
