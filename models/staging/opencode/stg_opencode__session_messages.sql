{{ incremental_by_document('message_id') }}

{%- set paths = {
    'message_type': 'type',
    'agent': 'agent',
    'provider_id': 'model.providerID',
    'model_name': 'model.id',
    'model_variant': 'model.variant',
    'text': 'text',
    'finish_reason': 'finish',
    'error_type': 'error.type',
    'error_json': 'error',
    'content_json': 'content',
    'files_json': 'files',
    'agents_json': 'agents',
    'snapshot_start': 'snapshot.start',
    'snapshot_end': 'snapshot.end',
    'sequence_number': 'seq',
    'tokens_input_recorded': 'tokens.input',
    'tokens_output_recorded': 'tokens.output',
    'tokens_reasoning_recorded': 'tokens.reasoning',
    'tokens_cache_read_recorded': 'tokens.cache.read',
    'tokens_cache_write_recorded': 'tokens.cache.write',
    'cost_recorded_usd': 'cost',
    'created_at': 'time.created',
    'completed_at': 'time.completed'
} -%}

with

raw_session_messages as (

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
    from {{ source('opencode', 'session_messages') }}
    where {{ is_landed_since() }}

),

parsed as (

    select
        *,
        {{ json_fields('payload', paths) }} as fields
    from raw_session_messages

),

extracted as (

    select
        -- ids
        document_id as message_id,
        session_id,

        -- strings
        {{ json_field('fields', paths, 'message_type') }} as message_type,
        {{ json_field('fields', paths, 'agent') }} as agent,
        {{ json_field('fields', paths, 'provider_id') }} as provider_id,
        {{ json_field('fields', paths, 'model_name') }} as model_name,
        {{ json_field('fields', paths, 'model_variant') }} as model_variant,
        {{ json_field('fields', paths, 'text') }} as text,
        {{ json_field('fields', paths, 'finish_reason') }} as finish_reason,
        {{ json_field('fields', paths, 'error_type') }} as error_type,
        {{ json_field('fields', paths, 'error_json') }} as error_json,
        {{ json_field('fields', paths, 'content_json') }} as content_json,
        {{ json_field('fields', paths, 'files_json') }} as files_json,
        {{ json_field('fields', paths, 'agents_json') }} as agents_json,
        {{ json_field('fields', paths, 'snapshot_start') }} as snapshot_start,
        {{ json_field('fields', paths, 'snapshot_end') }} as snapshot_end,

        -- numbers as OpenCode recorded them
        {{ json_bigint(json_field('fields', paths, 'sequence_number')) }} as sequence_number,
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
        {{ json_usd(json_field('fields', paths, 'cost_recorded_usd')) }} as cost_recorded_usd,

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
