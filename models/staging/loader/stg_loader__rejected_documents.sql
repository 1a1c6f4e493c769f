with

raw_rejected_documents as (

    select
        source_id,
        entity,
        origin,
        document_id,
        reason,
        detail,
        position,
        size_bytes,
        origin_modified_at,
        first_seen_at,
        last_seen_at,
        load_batch_id,
        resolved_at,
        resolution
    from {{ source('loader', 'rejected_documents') }}

)

select * from raw_rejected_documents
