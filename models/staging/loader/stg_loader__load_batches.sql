with

raw_load_batches as (

    select
        load_batch_id,
        status,
        loader_version,
        started_at,
        ended_at,
        n_sources,
        n_sources_failed,
        n_scanned,
        n_written,
        n_unchanged,
        n_deleted,
        n_rejected,
        n_resolved,
        n_secrets_masked,
        secrets_masked_by_kind
    from {{ source('loader', 'load_batches') }}

)

select * from raw_load_batches
