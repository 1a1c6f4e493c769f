{{ incremental_by_session(states='int_session_documents') }}

with

sources as (

    select
        source_id,
        kind
    from {{ ref('stg_opencode__sources') }}

),

parts as (

    select
        part_id,
        message_id,
        session_id,
        part_type,
        text_bytes,
        text_code,
        part_cost_usd,
        item_index,
        message_format,
        recorded_created_at,
        source_id,
        origin_modified_at,
        load_batch_id,
        deleted_at
    from {{ landed(ref('int_parts_unioned')) }}

),

-- Stores overlap: the same part may lie in a JSON tree, in a database and in an export. All that
-- bear its id count, also those of a session that did not change: stores may disagree about where a
-- part is.
ranked as (

    select
        alike.part_id,
        alike.source_id,
        row_number() over (
            partition by alike.part_id
            order by
                alike.message_format asc,
                {{ store_preference('sources.kind') }} asc,
                alike.deleted_at is not null asc,
                alike.origin_modified_at desc nulls last,
                alike.source_id asc
        ) as store_rank
    from {{ ref('int_parts_unioned') }} as alike
    inner join sources
        on alike.source_id = sources.source_id
    where alike.part_id in (select parts.part_id from parts)

),

deduplicated as (

    select *
    from parts
    where
        exists (
            select 1
            from ranked
            where
                ranked.part_id = parts.part_id
                and ranked.source_id = parts.source_id
                and ranked.store_rank = 1
        )

)

select * from deduplicated
