with

messages as (

    select max(created_at) as latest_message_at
    from {{ ref('messages') }}
    where created_at <= {{ as_of_timestamp() }}

),

moments as (

    select
        {{ as_of_timestamp() }} as checked_at,
        latest_message_at,
        {{ dbt.dateadd('day', -7, 'latest_message_at') }} as last_week_since,
        {{ dbt.dateadd('day', -30, 'latest_message_at') }} as last_month_since
    from messages

)

select * from moments
