{#- Copies of a step share everything but their ids; alike steps of one session are steps of their
    own. -#}
with

steps as (

    select
        concat_ws(
            '|',
            messages.provider_id,
            messages.model_id,
            cast(messages.created_at as {{ dbt.type_string() }}),
            cast(messages.completed_at as {{ dbt.type_string() }}),
            cast(messages.tokens_total as {{ dbt.type_string() }}),
            cast(messages.cost_recorded_usd as {{ dbt.type_string() }})
        ) as step_key,
        messages.session_id,
        messages.message_id,
        messages.is_fork_copy,
        -- Only what is older than its session can be a copy.
        coalesce(messages.created_at < sessions.created_at, false) as may_be_copy
    from {{ ref('messages') }} as messages
    left join {{ ref('sessions') }} as sessions
        on messages.session_id = sessions.session_id
    where messages.role = 'assistant'

),

counted as (

    select
        step_key,
        session_id,
        count(*) as n_steps,
        sum(case when is_fork_copy then 1 else 0 end) as n_copies,
        sum(case when is_fork_copy or may_be_copy then 1 else 0 end) as n_possible_copies,
        min(message_id) as example_message_id
    from steps
    group by
        step_key,
        session_id

),

owned as (

    select
        step_key,
        min(example_message_id) as example_message_id,
        -- As often as it stands in one session, it is to be counted.
        sum(n_possible_copies) > 0 and sum(n_steps - n_copies) != max(n_steps) as is_disowned
    from counted
    group by step_key

)

select * from owned
