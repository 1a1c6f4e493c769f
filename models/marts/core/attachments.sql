{{ incremental_by_session() }}

{%- set document = {
    'mime': 'mime',
    'filename': 'filename',
    'url': 'url',
    'attachments_json': 'state.attachments'
} -%}
{%- set file = {
    'mime': 'mime',
    'filename': 'filename',
    'name': 'name',
    'url': 'url',
    'uri': 'uri'
} -%}

with

parts as (

    select
        part_id,
        message_id,
        session_id,
        source_id,
        part_type,
        is_orphan,
        is_fork_copy,
        created_at,
        load_batch_id,
        deleted_at
    from {{ changed(ref('parts')) }}
    where part_type in ('file', 'tool')

),

-- A file of a message is a part of its own; a tool returns files inside its state.
documents as (

    select
        staged.source_id,
        staged.part_id,
        staged.part_type,
        {{ json_fields('payloads.payload_json', document) }} as fields
    from parts
    inner join {{ ref('stg_opencode__parts') }} as staged
        on
            parts.part_id = staged.part_id
            and parts.source_id = staged.source_id
    inner join {{ ref('stg_opencode__part_payloads') }} as payloads
        on
            staged.part_id = payloads.part_id
            and staged.source_id = payloads.source_id
    where staged.part_type = 'file' or staged.has_tool_attachments

),

files as (

    select
        source_id,
        part_id,
        cast(0 as bigint) as item_index,
        false as is_from_tool,
        {{ json_field('fields', document, 'mime') }} as mime,
        {{ json_field('fields', document, 'filename') }} as filename,
        {{ json_field('fields', document, 'url') }} as url
    from documents
    where part_type = 'file'

),

v2_files as (

    select
        source_id,
        part_id,
        {{ json_fields('item_json', file, is_field=true) }} as fields
    from {{ ref('int_session_message_items_unnested') }}
    where part_type = 'file'

),

listed as (

    select
        source_id,
        part_id,
        {{ json_array_items(json_field('fields', document, 'attachments_json')) }} as file_list
    from documents
    where part_type = 'tool'

),

tool_files as (

    select
        listed.source_id,
        listed.part_id,
        items.item_index,
        {{ json_fields('items.item', file, is_field=true) }} as fields
    from listed
    {{ array_rows('listed.file_list', 'items') }}

),

unioned as (

    select * from files

    union all

    select
        source_id,
        part_id,
        cast(0 as bigint) as item_index,
        false as is_from_tool,
        {{ json_field('fields', file, 'mime') }} as mime,
        coalesce(
            {{ json_field('fields', file, 'filename') }}, {{ json_field('fields', file, 'name') }}
        ) as filename,
        coalesce(
            {{ json_field('fields', file, 'url') }}, {{ json_field('fields', file, 'uri') }}
        ) as url
    from v2_files

    union all

    select
        source_id,
        part_id,
        item_index,
        true as is_from_tool,
        {{ json_field('fields', file, 'mime') }} as mime,
        {{ json_field('fields', file, 'filename') }} as filename,
        {{ json_field('fields', file, 'url') }} as url
    from tool_files

),

described as (

    select
        -- ids
        unioned.part_id || ':' || cast(unioned.item_index as {{ dbt.type_string() }})
            as attachment_id,
        unioned.part_id,
        parts.message_id,
        parts.session_id,

        -- strings; a data: URL holds the file itself, which is left in raw
        unioned.mime,
        unioned.filename,
        case when unioned.url not like 'data:%' then unioned.url end as url,

        -- numbers
        case
            when unioned.url like 'data:%' then {{ text_bytes('unioned.url') }}
        end as inline_size_bytes,

        -- booleans
        unioned.is_from_tool,
        parts.is_orphan,
        parts.is_fork_copy,

        -- timestamps
        parts.created_at as attached_at,

        -- lineage
        parts.source_id,
        parts.load_batch_id,
        parts.deleted_at
    from unioned
    -- one row: the document of the store that counts
    inner join parts
        on
            unioned.part_id = parts.part_id
            and unioned.source_id = parts.source_id

)

select * from described
