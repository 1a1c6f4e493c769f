{{ incremental_by_document('part_id') }}

{%- set paths = {
    'part_type': 'type',
    'text': 'text',
    'is_synthetic': 'synthetic',
    'is_ignored': 'ignored',
    'text_started_at': 'time.start',
    'text_ended_at': 'time.end',
    'tool_name': 'tool',
    'call_id': 'callID',
    'tool_status': 'state.status',
    'tool_output': 'state.output',
    'tool_error': 'state.error',
    'tool_title': 'state.title',
    'tool_exit_code': 'state.metadata.exit',
    'child_session_id': 'state.metadata.sessionId',
    'tool_started_at': 'state.time.start',
    'tool_ended_at': 'state.time.end',
    'tool_compacted_at': 'state.time.compacted',
    'snapshot': 'snapshot',
    'finish_reason': 'reason',
    'tokens_input_recorded': 'tokens.input',
    'tokens_output_recorded': 'tokens.output',
    'tokens_reasoning_recorded': 'tokens.reasoning',
    'tokens_cache_read_recorded': 'tokens.cache.read',
    'tokens_cache_write_recorded': 'tokens.cache.write',
    'tokens_total_recorded': 'tokens.total',
    'cost_recorded_usd': 'cost',
    'patch_hash': 'hash',
    'patch_files_json': 'files',
    'file_mime': 'mime',
    'file_name': 'filename',
    'agent_name': 'name',
    'subtask_prompt': 'prompt',
    'subtask_description': 'description',
    'subtask_agent': 'agent',
    'subtask_command': 'command',
    'subtask_provider_id': 'model.providerID',
    'subtask_model_name': 'model.modelID',
    'retry_attempt': 'attempt',
    'error_name': 'error.name',
    'error_data': 'error.data',
    'retry_created_at': 'time.created',
    'is_auto_compaction': 'auto',
    'is_overflow_compaction': 'overflow',
    'compaction_tail_start_id': 'tail_start_id'
} -%}

with

raw_parts as (

    select
        source_id,
        document_id,
        message_id,
        session_id,
        payload,
        origin,
        origin_modified_at,
        size_bytes,
        first_loaded_at,
        loaded_at,
        load_batch_id,
        deleted_at,
        text_removed_at
    from {{ source('opencode', 'parts') }}
    where {{ is_landed_since() }}

),

parsed as (

    select
        *,
        {{ json_fields('payload', paths) }} as fields
    from raw_parts

),

extracted as (

    select
        -- ids
        document_id as part_id,
        message_id,
        session_id,

        -- all parts
        {{ json_field('fields', paths, 'part_type') }} as part_type,

        -- text and reasoning
        left({{ json_field('fields', paths, 'text') }}, 60) as text_start,
        {{ text_bytes(json_field('fields', paths, 'text')) }} as text_bytes,
        {{ text_code(json_field('fields', paths, 'text')) }} as text_code,
        {{ json_boolean(json_field('fields', paths, 'is_synthetic')) }} as is_synthetic,
        {{ json_boolean(json_field('fields', paths, 'is_ignored')) }} as is_ignored,
        {{ json_timestamp(json_field('fields', paths, 'text_started_at')) }} as text_started_at,
        {{ json_timestamp(json_field('fields', paths, 'text_ended_at')) }} as text_ended_at,

        -- tool
        {{ json_field('fields', paths, 'tool_name') }} as tool_name,
        {{ json_field('fields', paths, 'call_id') }} as call_id,
        {{ json_field('fields', paths, 'tool_status') }} as tool_status,
        case
            when
                {{ json_field('fields', paths, 'tool_name') }} in ('bash', 'shell')
                and {{ json_field('fields', paths, 'tool_exit_code') }} is null
                then {{ text_end(json_field('fields', paths, 'tool_output'), 400) }}
        end as tool_output_end,
        {{ json_field('fields', paths, 'tool_error') }} as tool_error,
        {{ json_field('fields', paths, 'tool_title') }} as tool_title,
        {{ json_is_null('payload', 'state.metadata.exit') }} as is_tool_exit_null,
        {{ json_has_items('payload', 'state.attachments') }} as has_tool_attachments,
        {{ json_bigint(json_field('fields', paths, 'tool_exit_code')) }} as tool_exit_code,
        {{ json_field('fields', paths, 'child_session_id') }} as child_session_id,
        {{ json_timestamp(json_field('fields', paths, 'tool_started_at')) }} as tool_started_at,
        {{ json_timestamp(json_field('fields', paths, 'tool_ended_at')) }} as tool_ended_at,
        {{ json_timestamp(json_field('fields', paths, 'tool_compacted_at')) }} as tool_compacted_at,

        -- step-start, step-finish, snapshot
        {{ json_field('fields', paths, 'snapshot') }} as snapshot,
        {{ json_field('fields', paths, 'finish_reason') }} as finish_reason,
        {{ json_bigint(json_field('fields', paths, 'tokens_input_recorded')) }}
            as tokens_input_recorded,
        {{ json_bigint(json_field('fields', paths, 'tokens_output_recorded')) }}
            as tokens_output_recorded,
        {{ json_bigint(json_field('fields', paths, 'tokens_reasoning_recorded')) }}
            as tokens_reasoning_recorded,
        {{ json_bigint(json_field('fields', paths, 'tokens_cache_read_recorded')) }}
            as tokens_cache_read_recorded,
        {{ json_bigint(json_field('fields', paths, 'tokens_cache_write_recorded')) }}
            as tokens_cache_write_recorded,
        {{ json_bigint(json_field('fields', paths, 'tokens_total_recorded')) }}
            as tokens_total_recorded,
        {{ json_usd(json_field('fields', paths, 'cost_recorded_usd')) }} as cost_recorded_usd,

        -- patch
        {{ json_field('fields', paths, 'patch_hash') }} as patch_hash,
        {{ json_field('fields', paths, 'patch_files_json') }} as patch_files_json,

        -- file
        {{ json_field('fields', paths, 'file_mime') }} as file_mime,
        {{ json_field('fields', paths, 'file_name') }} as file_name,

        -- agent and subtask
        {{ json_field('fields', paths, 'agent_name') }} as agent_name,
        {{ json_field('fields', paths, 'subtask_prompt') }} as subtask_prompt,
        {{ json_field('fields', paths, 'subtask_description') }} as subtask_description,
        {{ json_field('fields', paths, 'subtask_agent') }} as subtask_agent,
        {{ json_field('fields', paths, 'subtask_command') }} as subtask_command,
        {{ json_field('fields', paths, 'subtask_provider_id') }} as subtask_provider_id,
        {{ json_field('fields', paths, 'subtask_model_name') }} as subtask_model_name,

        -- retry
        {{ json_bigint(json_field('fields', paths, 'retry_attempt')) }} as retry_attempt,
        {{ json_field('fields', paths, 'error_name') }} as error_name,
        {{ json_field('fields', paths, 'error_data') }} as error_data,
        {{ json_timestamp(json_field('fields', paths, 'retry_created_at')) }} as retry_created_at,

        -- compaction
        {{ json_boolean(json_field('fields', paths, 'is_auto_compaction')) }} as is_auto_compaction,
        {{ json_boolean(json_field('fields', paths, 'is_overflow_compaction')) }}
            as is_overflow_compaction,
        {{ json_field('fields', paths, 'compaction_tail_start_id') }} as compaction_tail_start_id,

        -- lineage
        source_id,
        origin,
        origin_modified_at,
        size_bytes,
        first_loaded_at,
        loaded_at,
        load_batch_id,
        deleted_at,
        text_removed_at
    from parsed

)

select * from extracted
