with

moments as (

    select
        checked_at,
        judged_at,
        has_two_weeks,
        {{ dbt.dateadd('day', -7, 'judged_at') }} as last_week_since,
        {{ dbt.dateadd('day', -14, 'judged_at') }} as week_before_since
    from {{ ref('int_health_moments') }}

),

-- A store that is gone for good is no reason to be told of it every day.
sources as (

    select
        source_id,
        status,
        hours_since_load,
        n_rejected_open,
        n_documents,
        n_landed_today
    from {{ ref('load_health') }}

),

weeks as (

    select
        count(case when messages.created_at > moments.last_week_since then 1 end) as n_last_week,
        count(case when messages.created_at <= moments.last_week_since then 1 end) as n_week_before
    from {{ ref('messages') }} as messages
    cross join moments
    where
        not messages.is_fork_copy
        and messages.created_at > moments.week_before_since
        and messages.created_at <= moments.judged_at
        and moments.has_two_weeks

),

loads as (

    select
        batches.load_batch_id,
        batches.status = 'running'
        and ({{ ms_between('batches.started_at', 'moments.checked_at') }}) > 2 * 3600000
            as is_stalled
    from {{ ref('stg_loader__load_batches') }} as batches
    cross join moments

),

measured as (

    select
        {{ health_measure(
            'sources_fresh',
            'hours_since_load > ' ~ threshold_of('sources_fresh'),
            value='max(hours_since_load)',
            example='source_id',
        ) }}
    from sources
    where status != 'missing'

    union all

    select
        {{ health_measure(
            'sources_readable', "status not in ('ok', 'missing')", example='source_id'
        ) }}
    from sources

    union all

    select
        {{ health_measure(
            'new_rows_today',
            value='sum(n_landed_today)',
            n_checked='coalesce(sum(n_documents), 0)',
            n_failed='null',
            note=grouped_number('cast(sum(n_landed_today) as bigint)')
            ~ " || ' of ' || " ~ grouped_number('cast(sum(n_documents) as bigint)')
            ~ " || ' documents are new or changed.'",
        ) }}
    from sources

    union all

    select
        {{ health_measure(
            'volume_trend',
            value='max(n_last_week) / nullif(cast(max(n_week_before) as double), 0)',
            n_checked='max(case when n_week_before >= 50 and n_last_week > 0 then n_week_before end)',
            n_failed='null',
            note="max(n_last_week) || ' messages in the last seven days, '"
            ~ " || max(n_week_before) || ' in the seven days before.'",
        ) }}
    from weeks

    union all

    select {{ health_measure('loads_stalled', 'is_stalled', example='load_batch_id') }}
    from loads

    union all

    select
        {{ health_measure(
            'rejected_documents_open',
            n_checked='coalesce(sum(n_documents + n_rejected_open), 0)',
            n_failed='coalesce(sum(n_rejected_open), 0)',
        ) }}
    from sources

)

select * from measured
