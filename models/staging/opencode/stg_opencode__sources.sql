with

raw_sources as (

    select
        source_id,
        machine,
        kind,
        root,
        status,
        message,
        schema_version,
        is_sample,
        first_loaded_at,
        last_loaded_at,
        last_load_batch_id
    from {{ source('opencode', 'sources') }}

)

select * from raw_sources
