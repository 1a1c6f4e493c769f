{%- set paths = {
    'project_id': 'projectID',
    'parent_session_id': 'parentID',
    'workspace_id': 'workspaceID',
    'agent': 'agent',
    'provider_id': 'model.providerID',
    'model_name': 'model.id',
    'model_variant': 'model.variant',
    'title': 'title',
    'slug': 'slug',
    'directory': 'directory',
    'relative_path': 'path',
    'version': 'version',
    'share_url': 'share.url',
    'revert_message_id': 'revert.messageID',
    'revert_part_id': 'revert.partID',
    'revert_json': 'revert',
    'permission_json': 'permission',
    'metadata_json': 'metadata',
    'additions': 'summary.additions',
    'deletions': 'summary.deletions',
    'files_changed': 'summary.files',
    'tokens_input_recorded': 'tokens.input',
    'tokens_output_recorded': 'tokens.output',
    'tokens_reasoning_recorded': 'tokens.reasoning',
    'tokens_cache_read_recorded': 'tokens.cache.read',
    'tokens_cache_write_recorded': 'tokens.cache.write',
    'cost_recorded_usd': 'cost',
    'created_at': 'time.created',
    'updated_at': 'time.updated',
    'compacting_at': 'time.compacting',
    'archived_at': 'time.archived'
} -%}

with

raw_sessions as (

    select
        source_id,
        document_id,
        payload,
        origin,
        origin_modified_at,
        size_bytes,
        first_loaded_at,
        loaded_at,
        load_batch_id,
        deleted_at,
        text_removed_at
    from {{ source('opencode', 'sessions') }}

),

parsed as (

    select
        *,
        {{ json_fields('payload', paths) }} as fields
    from raw_sessions

),

extracted as (

    select
        -- ids
        document_id as session_id,

        -- ids of others
        {{ json_field('fields', paths, 'project_id') }} as project_id,
        {{ json_field('fields', paths, 'parent_session_id') }} as parent_session_id,
        {{ json_field('fields', paths, 'workspace_id') }} as workspace_id,
        {{ json_field('fields', paths, 'agent') }} as agent,
        {{ json_field('fields', paths, 'provider_id') }} as provider_id,
        {{ json_field('fields', paths, 'model_name') }} as model_name,
        {{ json_field('fields', paths, 'model_variant') }} as model_variant,

        -- strings
        {{ json_field('fields', paths, 'title') }} as title,
        {{ json_field('fields', paths, 'slug') }} as slug,
        {{ normalized_path(json_field('fields', paths, 'directory')) }} as directory,
        {{ json_field('fields', paths, 'relative_path') }} as relative_path,
        {{ json_field('fields', paths, 'version') }} as version,
        {{ json_field('fields', paths, 'share_url') }} as share_url,
        {{ json_field('fields', paths, 'revert_message_id') }} as revert_message_id,
        {{ json_field('fields', paths, 'revert_part_id') }} as revert_part_id,
        {{ json_field('fields', paths, 'revert_json') }} as revert_json,
        {{ json_field('fields', paths, 'permission_json') }} as permission_json,
        {{ json_field('fields', paths, 'metadata_json') }} as metadata_json,

        -- numbers; the usage is what OpenCode 1.18 keeps for the session itself
        {{ json_bigint(json_field('fields', paths, 'additions')) }} as additions,
        {{ json_bigint(json_field('fields', paths, 'deletions')) }} as deletions,
        {{ json_bigint(json_field('fields', paths, 'files_changed')) }} as files_changed,
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
        {{ json_timestamp(json_field('fields', paths, 'updated_at')) }} as updated_at,
        {{ json_timestamp(json_field('fields', paths, 'compacting_at')) }} as compacting_at,
        {{ json_timestamp(json_field('fields', paths, 'archived_at')) }} as archived_at,

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
