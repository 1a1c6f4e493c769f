{%- set paths = {
    'worktree': 'worktree',
    'vcs': 'vcs',
    'name': 'name',
    'icon_json': 'icon',
    'sandboxes_json': 'sandboxes',
    'commands_json': 'commands',
    'created_at': 'time.created',
    'updated_at': 'time.updated',
    'initialized_at': 'time.initialized'
} -%}

with

raw_projects as (

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
    from {{ source('opencode', 'projects') }}

),

parsed as (

    select
        *,
        {{ json_fields('payload', paths) }} as fields
    from raw_projects

),

extracted as (

    select
        -- ids
        document_id as project_id,

        -- strings
        {{ normalized_path(json_field('fields', paths, 'worktree')) }} as worktree,
        {{ json_field('fields', paths, 'vcs') }} as vcs,
        {{ json_field('fields', paths, 'name') }} as name,
        {{ json_field('fields', paths, 'icon_json') }} as icon_json,
        {{ json_field('fields', paths, 'sandboxes_json') }} as sandboxes_json,
        {{ json_field('fields', paths, 'commands_json') }} as commands_json,

        -- timestamps
        {{ json_timestamp(json_field('fields', paths, 'created_at')) }} as created_at,
        {{ json_timestamp(json_field('fields', paths, 'updated_at')) }} as updated_at,
        {{ json_timestamp(json_field('fields', paths, 'initialized_at')) }} as initialized_at,

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
