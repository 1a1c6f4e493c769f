with

sources as (

    select
        source_id,
        machine,
        kind,
        root,
        is_sample,
        status,
        message,
        first_loaded_at,
        last_loaded_at
    from {{ ref('stg_opencode__sources') }}

),

documents as (

    select
        source_id,
        n_documents,
        n_deleted,
        n_new_today,
        n_landed_today,
        n_new_week_before
    from {{ ref('int_health_sources_counted') }}

),

rejected as (

    select
        source_id,
        count(*) as n_rejected_open,
        min(first_seen_at) as oldest_rejection_at
    from {{ ref('rejected_documents') }}
    where is_open
    group by source_id

),

messages as (

    select
        source_id,
        min({{ within_history('created_at') }}) as oldest_message_at,
        max({{ within_history('created_at') }}) as newest_message_at
    from {{ ref('messages') }}
    group by source_id

),

moments as (

    select checked_at
    from {{ ref('int_health_moments') }}

),

described as (

    select
        -- ids
        sources.source_id,

        -- strings
        sources.machine,
        sources.kind,
        sources.root,
        sources.status,
        sources.message,

        -- numbers
        coalesce(documents.n_documents, 0) as n_documents,
        coalesce(documents.n_deleted, 0) as n_deleted,
        coalesce(documents.n_landed_today, 0) as n_landed_today,
        coalesce(documents.n_new_today, 0) as n_new_today,
        coalesce(documents.n_new_week_before, 0) / 7.0 as n_new_per_day,
        coalesce(rejected.n_rejected_open, 0) as n_rejected_open,
        ({{ ms_between('sources.last_loaded_at', 'moments.checked_at') }}) / 3600000.0
            as hours_since_load,

        -- booleans
        sources.is_sample,

        -- timestamps
        sources.first_loaded_at,
        sources.last_loaded_at,
        messages.oldest_message_at,
        messages.newest_message_at,
        rejected.oldest_rejection_at
    from sources
    cross join moments
    left join documents
        on sources.source_id = documents.source_id
    left join rejected
        on sources.source_id = rejected.source_id
    left join messages
        on sources.source_id = messages.source_id

)

select * from described
