{{ incremental_by_document('message_id') }}

{%- set paths = {
    'role': 'role',
    'parent_message_id': 'parentID',
    'agent': 'agent',
    'mode': 'mode',
    'assistant_provider_id': 'providerID',
    'assistant_model_name': 'modelID',
    'user_provider_id': 'model.providerID',
    'user_model_name': 'model.modelID',
    'assistant_variant': 'variant',
    'user_variant': 'model.variant',
    'finish_reason': 'finish',
    'error_name': 'error.name',
    'error_data': 'error.data',
    'working_directory': 'path.cwd',
    'root_path': 'path.root',
    'system_prompt': 'system',
    'summary_title': 'summary.title',
    'tools_json': 'tools',
    'format_json': 'format',
    'structured_json': 'structured',
    'tokens_input_recorded': 'tokens.input',
    'tokens_output_recorded': 'tokens.output',
    'tokens_reasoning_recorded': 'tokens.reasoning',
    'tokens_cache_read_recorded': 'tokens.cache.read',
    'tokens_cache_write_recorded': 'tokens.cache.write',
    'tokens_total_recorded': 'tokens.total',
    'cost_recorded_usd': 'cost',
    'is_summary': 'summary',
    'created_at': 'time.created',
    'completed_at': 'time.completed'
} -%}

with

raw_messages as (

    select
        source_id,
        document_id,
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
    from {{ source('opencode', 'messages') }}
    where {{ is_landed_since() }}

),

parsed as (

    select
        *,
        {{ json_fields('payload', paths) }} as fields
    from raw_messages

),

extracted as (

    select
        -- ids
        document_id as message_id,
        session_id,

        -- strings; a user message names its model in `model`, an assistant message in fields of its
        -- own
        {{ json_field('fields', paths, 'role') }} as role,
        {{ json_field('fields', paths, 'parent_message_id') }} as parent_message_id,
        {{ json_field('fields', paths, 'agent') }} as agent,
        {{ json_field('fields', paths, 'mode') }} as mode,
        {{ json_field('fields', paths, 'assistant_provider_id') }} as assistant_provider_id,
        {{ json_field('fields', paths, 'assistant_model_name') }} as assistant_model_name,
        {{ json_field('fields', paths, 'user_provider_id') }} as user_provider_id,
        {{ json_field('fields', paths, 'user_model_name') }} as user_model_name,
        {{ json_field('fields', paths, 'assistant_variant') }} as assistant_variant,
        {{ json_field('fields', paths, 'user_variant') }} as user_variant,
        {{ json_field('fields', paths, 'finish_reason') }} as finish_reason,
        {{ json_field('fields', paths, 'error_name') }} as error_name,
        {{ json_field('fields', paths, 'error_data') }} as error_data,
        {{ normalized_path(json_field('fields', paths, 'working_directory')) }}
            as working_directory,
        {{ normalized_path(json_field('fields', paths, 'root_path')) }} as root_path,
        {{ json_field('fields', paths, 'system_prompt') }} as system_prompt,
        {{ json_field('fields', paths, 'summary_title') }} as summary_title,
        {{ json_field('fields', paths, 'tools_json') }} as tools_json,
        {{ json_field('fields', paths, 'format_json') }} as format_json,
        {{ json_field('fields', paths, 'structured_json') }} as structured_json,

        -- numbers as OpenCode recorded them
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

        -- booleans; `summary` is an object on user messages, true on compaction summaries
        {{ json_boolean(json_field('fields', paths, 'is_summary')) }} as is_summary,

        -- timestamps
        {{ json_timestamp(json_field('fields', paths, 'created_at')) }} as created_at,
        {{ json_timestamp(json_field('fields', paths, 'completed_at')) }} as completed_at,

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
