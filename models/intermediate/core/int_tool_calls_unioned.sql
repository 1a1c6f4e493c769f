{{ incremental_by_session() }}

{%- set paths = {
    'call_id': 'id',
    'tool_name': 'name',
    'status_recorded': 'state.status',
    'exit_code': 'state.structured.exit',
    'content': 'state.content',
    'error_message': 'state.error.message',
    'created_at': 'time.created',
    'ran_at': 'time.ran',
    'completed_at': 'time.completed'
} -%}

with

calls as (

    select
        source_id,
        part_id,
        session_id
    from {{ changed(ref('int_parts_deduplicated')) }}
    where part_type = 'tool'

),

parts as (

    select
        source_id,
        part_id,
        call_id,
        tool_name,
        tool_status,
        tool_output_end,
        tool_error,
        tool_title,
        is_tool_exit_null,
        tool_exit_code,
        child_session_id,
        tool_started_at,
        tool_ended_at
    from {{ ref('stg_opencode__parts') }}
    where part_type = 'tool'

),

items as (

    select
        source_id,
        part_id,
        item_json,
        {{ json_fields('item_json', paths, is_field=true) }} as fields
    from {{ changed(ref('int_session_message_items_unnested')) }}
    where part_type = 'tool'

),

unioned as (

    select
        calls.source_id,
        calls.part_id,
        calls.session_id,
        parts.call_id,
        coalesce(parts.tool_name, 'unknown') as tool_name,
        parts.tool_status as status_recorded,
        parts.tool_output_end,
        parts.tool_error as error_message,
        parts.tool_title as title,
        parts.child_session_id,
        parts.is_tool_exit_null as is_exit_null,
        parts.tool_exit_code as exit_code,
        1 as message_format,
        parts.tool_started_at as started_at,
        parts.tool_ended_at as ended_at
    from calls
    inner join parts
        on
            calls.source_id = parts.source_id
            and calls.part_id = parts.part_id

    union all

    select
        calls.source_id,
        calls.part_id,
        calls.session_id,
        {{ json_field('items.fields', paths, 'call_id') }} as call_id,
        coalesce({{ json_field('items.fields', paths, 'tool_name') }}, 'unknown') as tool_name,
        {{ json_field('items.fields', paths, 'status_recorded') }} as status_recorded,
        case
            when
                {{ json_field('items.fields', paths, 'tool_name') }} in ('bash', 'shell')
                and {{ json_field('items.fields', paths, 'exit_code') }} is null
                then {{ text_end(
                    json_array_texts(json_field('items.fields', paths, 'content')), 400
                ) }}
        end as tool_output_end,
        {{ json_field('items.fields', paths, 'error_message') }} as error_message,
        cast(null as {{ dbt.type_string() }}) as title,
        cast(null as {{ dbt.type_string() }}) as child_session_id,
        {{ json_is_null('items.item_json', 'state.structured.exit') }} as is_exit_null,
        {{ json_bigint(json_field('items.fields', paths, 'exit_code')) }} as exit_code,
        2 as message_format,
        coalesce(
            {{ json_timestamp(json_field('items.fields', paths, 'ran_at')) }},
            {{ json_timestamp(json_field('items.fields', paths, 'created_at')) }}
        ) as started_at,
        {{ json_timestamp(json_field('items.fields', paths, 'completed_at')) }} as ended_at
    from calls
    inner join items
        on
            calls.source_id = items.source_id
            and calls.part_id = items.part_id

)

select * from unioned
