{{ incremental_by_session() }}

with

parts as (

    select
        part_id,
        message_id,
        session_id,
        source_id,
        is_orphan,
        is_fork_copy,
        created_at,
        load_batch_id,
        deleted_at
    from {{ changed(ref('parts')) }}
    where part_type in ('patch')

),

patches as (

    select
        source_id,
        part_id,
        patch_hash,
        patch_files_json
    from {{ ref('stg_opencode__parts') }}
    where part_type = 'patch'

),

described as (

    select
        -- ids
        parts.part_id as patch_id,
        parts.part_id,
        parts.message_id,
        parts.session_id,

        -- strings
        patches.patch_hash,
        {{ as_json('patches.patch_files_json') }} as files_json,

        -- numbers
        {{ json_array_length('patches.patch_files_json') }} as n_files,

        -- booleans
        parts.is_orphan,
        parts.is_fork_copy,

        -- timestamps
        parts.created_at as occurred_at,

        -- lineage
        parts.source_id,
        parts.load_batch_id,
        parts.deleted_at
    from parts
    -- one row: the document of the store that counts; none for a v2 part
    left join patches
        on
            parts.part_id = patches.part_id
            and parts.source_id = patches.source_id

)

select * from described
