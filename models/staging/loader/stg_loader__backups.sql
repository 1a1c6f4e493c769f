with

raw_backups as (

    select
        made_at,
        path,
        size_bytes,
        sha256,
        n_documents
    from {{ source('loader', 'backups') }}

)

select * from raw_backups
