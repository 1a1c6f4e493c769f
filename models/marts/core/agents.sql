with

messages as (

    select
        agent as name,
        created_at as used_at
    from {{ ref('messages') }}

),

requested_agents as (

    select
        agent as name,
        requested_at as used_at
    from {{ ref('requested_agents') }}

),

named as (

    select * from messages

    union all

    select * from requested_agents

),

described as (

    select
        -- ids
        name as agent_id,

        -- strings
        name,

        -- timestamps
        min({{ within_history('used_at') }}) as first_used_at,
        max({{ within_history('used_at') }}) as last_used_at
    from named
    where name is not null
    group by name

)

select * from described
