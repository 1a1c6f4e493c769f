{{ incremental_by_session(states='int_session_documents') }}

{%- set paths = {
    'item_type': 'type',
    'text': 'text',
    'started_at': 'time.created',
    'ended_at': 'time.completed'
} -%}

with

session_messages as (

    select *
    from {{ landed(ref('stg_opencode__session_messages')) }}
    where message_type not in ('agent-switched', 'model-switched')

),

-- An assistant row holds its parts as `content`, the others as `text`, `files` and `agents`.
listed as (

    select
        *,
        case when text is null then 0 else 1 end as n_texts,
        coalesce({{ json_array_length('files_json') }}, 0) as n_files,
        {{ json_array_items('content_json') }} as content_items,
        {{ json_array_items('files_json') }} as file_items,
        {{ json_array_items('agents_json') }} as agent_items
    from session_messages

),

unnested as (

    select
        source_id,
        message_id,
        cast(0 as bigint) as item_index,
        'text' as item_kind,
        text as item
    from listed
    where text is not null

    union all

    select
        listed.source_id,
        listed.message_id,
        listed.n_texts + items.item_index as item_index,
        'content' as item_kind,
        items.item
    from listed
    {{ array_rows('listed.content_items', 'items') }}

    union all

    select
        listed.source_id,
        listed.message_id,
        listed.n_texts + items.item_index as item_index,
        'file' as item_kind,
        items.item
    from listed
    {{ array_rows('listed.file_items', 'items') }}

    union all

    select
        listed.source_id,
        listed.message_id,
        listed.n_texts + listed.n_files + items.item_index as item_index,
        'agent' as item_kind,
        items.item
    from listed
    {{ array_rows('listed.agent_items', 'items') }}

),

parsed as (

    select
        *,
        case
            when item_kind = 'content' then {{ json_fields('item', paths, is_field=true) }}
        end as fields
    from unnested

),

-- An item has no id that is unique beyond its message, so it gets the message's and its index.
identified as (

    select
        parsed.message_id || ':' || cast(parsed.item_index as {{ dbt.type_string() }}) as part_id,
        parsed.message_id,
        listed.session_id,
        coalesce({{ json_field('parsed.fields', paths, 'item_type') }}, parsed.item_kind)
            as part_type,
        case
            when parsed.item_kind = 'text' then parsed.item
            else {{ json_field('parsed.fields', paths, 'text') }}
        end as text,
        parsed.item as item_json,
        parsed.item_index,
        coalesce(
            {{ json_timestamp(json_field('parsed.fields', paths, 'started_at')) }},
            listed.created_at
        ) as created_at,
        {{ json_timestamp(json_field('parsed.fields', paths, 'ended_at')) }} as ended_at,
        parsed.source_id,
        listed.origin_modified_at,
        listed.load_batch_id,
        listed.deleted_at
    from parsed
    -- one row: a message id is unique in a source
    inner join listed
        on
            parsed.source_id = listed.source_id
            and parsed.message_id = listed.message_id

)

select * from identified
