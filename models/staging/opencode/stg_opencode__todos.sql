with

raw_todos as (

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
    from {{ source('opencode', 'todos') }}

),

-- One document is the whole list of a session; its items are taken apart where they are used.
extracted as (

    select
        -- ids
        document_id as session_id,

        -- the list, as JSON, and its length
        payload as todos_json,
        {{ json_array_length('payload') }} as n_todos,

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
    from raw_todos

)

select * from extracted
