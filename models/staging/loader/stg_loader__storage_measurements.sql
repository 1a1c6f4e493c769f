with

raw_storage_measurements as (

    select
        measured_at,
        warehouse_bytes,
        disk_total_bytes,
        disk_free_bytes
    from {{ source('loader', 'storage_measurements') }}

)

select * from raw_storage_measurements
