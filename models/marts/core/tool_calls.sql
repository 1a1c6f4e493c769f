{{ incremental_by_session() }}

{%- set paths = {
    'tool_args': 'state.input',
    'output': 'state.output',
    'error': 'state.error',
    'metadata_json': 'state.metadata'
} -%}
{%- set invalid = {'tool': 'tool'} -%}
{%- set item_paths = {
    'tool_args': 'state.input',
    'content': 'state.content',
    'error': 'state.error.message',
    'metadata_json': 'state.structured'
} -%}

with

parts as (

    select
        part_id,
        message_id,
        session_id,
        source_id,
        is_orphan,
        is_fork_copy,
        load_batch_id,
        deleted_at
    from {{ changed(ref('parts')) }}
    where part_type = 'tool'

),

tool_calls as (

    select *
    from {{ changed(ref('int_tool_calls_unioned')) }}

),

judged as (

    select *
    from {{ changed(ref('int_tool_calls_judged')) }}

),

tools as (

    select
        tool_name,
        tool_family,
        mcp_server
    from {{ ref('tools') }}

),

sessions as (

    select session_id
    from {{ ref('sessions') }}

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
        item_json
    from {{ ref('int_session_message_items_unnested') }}

),

described as (

    select
        -- ids
        parts.part_id as tool_call_id,
        parts.part_id,
        parts.message_id,
        parts.session_id,
        tool_calls.child_session_id,
        tool_calls.call_id,

        -- strings
        tool_calls.tool_name,
        tools.tool_family,
        tools.mcp_server,
        judged.status,
        tool_calls.status_recorded,
        tool_calls.title,
        judged.clock_problem,

        -- numbers
        tool_calls.exit_code,
        case
            when judged.clock_problem is null
                then {{ ms_between('tool_calls.started_at', 'tool_calls.ended_at') }}
        end as execution_time_ms,

        -- booleans
        case
            when tool_calls.child_session_id is not null then sessions.session_id is not null
        end as is_child_loaded,
        parts.is_orphan,
        parts.is_fork_copy,

        -- timestamps
        tool_calls.started_at,
        tool_calls.ended_at,

        -- lineage
        parts.source_id,
        parts.load_batch_id,
        parts.deleted_at,

        tool_calls.message_format
    from parts
    -- one row each: the document of the store that counts
    inner join tool_calls
        on
            parts.part_id = tool_calls.part_id
            and parts.source_id = tool_calls.source_id
    inner join judged
        on
            parts.part_id = judged.part_id
            and parts.source_id = judged.source_id
    inner join tools
        on tool_calls.tool_name = tools.tool_name
    -- a task's session may be deleted, or was never landed: an export has one session
    left join sessions
        on tool_calls.child_session_id = sessions.session_id

),

-- The text comes last, so that no table of a join holds that of a whole history.
parsed as (

    select
        described.*,
        {{ json_fields('payloads.payload_json', paths) }} as fields
    from described
    inner join payloads
        on
            described.part_id = payloads.part_id
            and described.source_id = payloads.source_id
    where described.message_format = 1

),

parsed_items as (

    select
        described.*,
        {{ json_fields('items.item_json', item_paths, is_field=true) }} as fields
    from described
    inner join items
        on
            described.part_id = items.part_id
            and described.source_id = items.source_id
    where described.message_format = 2

),

filled as (

    select
        *,
        {{ json_field('fields', paths, 'tool_args') }} as tool_args,
        coalesce(
            {{ json_field('fields', paths, 'error') }}, {{ json_field('fields', paths, 'output') }}
        ) as tool_result,
        {{ json_field('fields', paths, 'metadata_json') }} as metadata_json
    from parsed

    union all

    select
        *,
        {{ json_field('fields', item_paths, 'tool_args') }} as tool_args,
        coalesce(
            {{ json_field('fields', item_paths, 'error') }},
            {{ json_array_texts(json_field('fields', item_paths, 'content')) }}
        ) as tool_result,
        {{ json_field('fields', item_paths, 'metadata_json') }} as metadata_json
    from parsed_items

),

final as (

    select
        tool_call_id,
        part_id,
        message_id,
        session_id,
        child_session_id,
        call_id,
        tool_name,
        -- OpenCode gives a call that it cannot make to a tool of its own, called invalid
        case
            when tool_name = 'invalid'
                then {{ json_field(
                    json_fields('tool_args', invalid, is_field=true), invalid, 'tool'
                ) }}
        end as intended_tool_name,
        tool_family,
        mcp_server,
        status,
        status_recorded,
        title,
        {{ as_json('tool_args') }} as tool_args,
        tool_result,
        {{ as_json('metadata_json') }} as metadata_json,
        {{ byte_length('tool_args') }} as tool_args_bytes,
        {{ byte_length('tool_result') }} as tool_result_bytes,
        clock_problem,
        exit_code,
        execution_time_ms,
        is_child_loaded,
        is_orphan,
        is_fork_copy,
        started_at,
        ended_at,
        source_id,
        load_batch_id,
        deleted_at
    from filled

)

select * from final
