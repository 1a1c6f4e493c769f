{#- A view: the text of a history is kept in raw and in one mart; what is small of a part is in
    stg_opencode__parts. -#}
{{ config(materialized='view') }}

with

raw_parts as (

    select
        source_id,
        document_id,
        payload
    from {{ source('opencode', 'parts') }}

),

renamed as (

    select
        -- ids
        document_id as part_id,

        -- strings
        payload as payload_json,

        -- lineage
        source_id
    from raw_parts

)

select * from renamed
