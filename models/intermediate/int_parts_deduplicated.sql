with

sources as (

    select
        source_id,
        kind
    from {{ ref('stg_opencode__sources') }}

),

parts as (

    select *
    from {{ ref('int_parts_unioned') }}

),

-- Stores overlap: the same part may lie in a JSON tree, in a database and in an export.
ranked as (

    select
        parts.part_id,
        parts.source_id,
        row_number() over (
            partition by parts.part_id
            order by
                parts.message_format asc,
                {{ store_preference('sources.kind') }} asc,
                parts.origin_modified_at desc nulls last,
                parts.source_id asc
        ) as store_rank
    from parts
    inner join sources
        on parts.source_id = sources.source_id

),

-- The rank is joined back, so that the window carries ids and times only and not the text of a history.
deduplicated as (

    select parts.*
    from parts
    inner join ranked
        on
            parts.part_id = ranked.part_id
            and parts.source_id = ranked.source_id
    where ranked.store_rank = 1

)

select * from deduplicated
