{#- A view: as a table it would hold the text of a whole history once more (2 GB: build 28 s,
    else 33 s). -#}
{{ config(materialized='view') }}

{%- set paths = {
    'call_id': 'id',
    'tool_name': 'name',
    'status_recorded': 'state.status',
    'tool_args': 'state.input',
    'content': 'state.content',
    'metadata_json': 'state.structured',
    'exit_code': 'state.structured.exit',
    'error_message': 'state.error.message',
    'created_at': 'time.created',
    'ran_at': 'time.ran',
    'completed_at': 'time.completed'
} -%}

with

parts as (

    select
        source_id,
        part_id,
        call_id,
        tool_name,
        tool_status,
        tool_input_json,
        tool_output,
        tool_error,
        tool_title,
        tool_metadata_json,
        tool_attachments_json,
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
        {{ json_fields('item_json', paths, is_field=true) }} as fields
    from {{ ref('int_session_message_items_unnested') }}
    where part_type = 'tool'

),

unioned as (

    select
        source_id,
        part_id,
        call_id,
        coalesce(tool_name, 'unknown') as tool_name,
        tool_status as status_recorded,
        tool_input_json as tool_args,
        coalesce(tool_error, tool_output) as tool_result,
        tool_error as error_message,
        tool_title as title,
        tool_metadata_json as metadata_json,
        tool_attachments_json as attachments_json,
        child_session_id,
        tool_exit_code as exit_code,
        tool_started_at as started_at,
        tool_ended_at as ended_at
    from parts

    union all

    select
        source_id,
        part_id,
        {{ json_field('fields', paths, 'call_id') }} as call_id,
        coalesce({{ json_field('fields', paths, 'tool_name') }}, 'unknown') as tool_name,
        {{ json_field('fields', paths, 'status_recorded') }} as status_recorded,
        {{ json_field('fields', paths, 'tool_args') }} as tool_args,
        coalesce(
            {{ json_field('fields', paths, 'error_message') }},
            {{ json_array_texts(json_field('fields', paths, 'content')) }}
        ) as tool_result,
        {{ json_field('fields', paths, 'error_message') }} as error_message,
        cast(null as {{ dbt.type_string() }}) as title,
        {{ json_field('fields', paths, 'metadata_json') }} as metadata_json,
        cast(null as {{ dbt.type_string() }}) as attachments_json,
        cast(null as {{ dbt.type_string() }}) as child_session_id,
        {{ json_bigint(json_field('fields', paths, 'exit_code')) }} as exit_code,
        coalesce(
            {{ json_timestamp(json_field('fields', paths, 'ran_at')) }},
            {{ json_timestamp(json_field('fields', paths, 'created_at')) }}
        ) as started_at,
        {{ json_timestamp(json_field('fields', paths, 'completed_at')) }} as ended_at
    from items

)

select * from unioned
