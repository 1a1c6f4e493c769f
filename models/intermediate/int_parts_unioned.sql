with

parts as (

    select *
    from {{ ref('stg_opencode__parts') }}

),

items as (

    select *
    from {{ ref('int_session_message_items_unnested') }}

),

unioned as (

    select
        part_id,
        message_id,
        session_id,
        part_type,
        case when part_type in ('text', 'reasoning') then text end as content,
        case when part_type = 'step-finish' then cost_recorded_usd end as part_cost_usd,
        cast(null as bigint) as item_index,
        1 as message_format,
        coalesce(text_started_at, tool_started_at, retry_created_at) as recorded_created_at,
        source_id,
        origin_modified_at,
        load_batch_id,
        deleted_at
    from parts

    union all

    select
        part_id,
        message_id,
        session_id,
        part_type,
        case when part_type in ('text', 'reasoning') then text end as content,
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
