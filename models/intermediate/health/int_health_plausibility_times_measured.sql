with

moments as (

    select checked_at
    from {{ ref('int_health_moments') }}

),

dated as (

    select
        message_id as dated_id,
        created_at
    from {{ ref('messages') }}
    where created_at is not null

    union all

    select
        session_id as dated_id,
        created_at
    from {{ ref('sessions') }}
    where created_at is not null

),

-- An hour of grace: clocks of machines differ, and a session goes on while a build begins.
times as (

    select
        dated.dated_id,
        dated.created_at < cast('{{ first_day_of_history() }}' as timestamp)
        or dated.created_at > {{ dbt.dateadd('hour', 1, 'moments.checked_at') }} as is_outside
    from dated
    cross join moments

),

measured as (

    select {{ health_measure('times_within_history', 'is_outside', example='dated_id') }}
    from times

)

select * from measured
