with

-- The bundled sample is judged as of its own end: it does not get staler, and nobody backs it up.
sources as (

    select coalesce(bool_and(is_sample), false) as is_sample_only
    from {{ ref('stg_opencode__sources') }}

),

messages as (

    select
        min(created_at) as earliest_message_at,
        max(created_at) as latest_message_at
    from {{ ref('messages') }}
    where {{ is_within_history('created_at') }}

),

dated as (

    select
        sources.is_sample_only,
        messages.earliest_message_at,
        messages.latest_message_at,
        {{ as_of_timestamp() }} as checked_at,
        case
            when sources.is_sample_only
                then coalesce(messages.latest_message_at, {{ as_of_timestamp() }})
            else {{ as_of_timestamp() }}
        end as judged_at
    from messages
    cross join sources

),

moments as (

    select
        is_sample_only,
        checked_at,
        judged_at,
        latest_message_at,
        {{ dbt.dateadd('day', -7, 'latest_message_at') }} as last_week_since,
        {{ dbt.dateadd('day', -30, 'latest_message_at') }} as last_month_since,
        coalesce(
            earliest_message_at <= {{ dbt.dateadd('day', -14, 'latest_message_at') }}, false
        ) as has_two_weeks
    from dated

)

select * from moments
