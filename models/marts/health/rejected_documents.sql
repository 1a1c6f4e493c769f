with

rejected as (

    select
        -- ids
        concat_ws(
            ':',
            source_id,
            entity,
            origin,
            document_id,
            cast({{ timestamp_to_ms('first_seen_at') }} as {{ dbt.type_string() }})
        ) as rejected_document_id,
        source_id,
        document_id,

        -- strings
        entity,
        origin,
        reason,
        detail,
        resolution,

        -- numbers
        position,
        size_bytes,

        -- booleans
        resolved_at is null as is_open,

        -- timestamps
        first_seen_at,
        last_seen_at,
        resolved_at,

        -- lineage
        load_batch_id
    from {{ ref('stg_loader__rejected_documents') }}

)

select * from rejected
