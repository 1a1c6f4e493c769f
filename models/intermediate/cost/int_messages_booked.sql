{{ incremental_by_session() }}

with

messages as (

    select
        message_id,
        session_id,
        role,
        agent,
        model_id,
        tokens_input,
        tokens_output,
        tokens_reasoning,
        tokens_cache_read,
        tokens_cache_write,
        tokens_unpriced,
        cost_recorded_usd,
        message_cost_usd,
        created_at
    from {{ changed(ref('messages')) }}
    where not is_fork_copy

),

sessions as (

    select
        session_id,
        project_id
    from {{ ref('sessions') }}

),

tool_calls as (

    select
        message_id,
        count(*) as tool_call_count,
        count(case when status = 'success' then 1 end) as tool_success_count,
        count(case when status != 'running' then 1 end) as tool_finished_count
    from {{ changed(ref('tool_calls')) }}
    where not is_orphan
    group by message_id

),

errors as (

    select
        message_id,
        count(*) as error_count
    from {{ changed(ref('errors')) }}
    group by message_id

),

-- Usage is booked on the day of its message, never of its session, as one reads the calendar
-- where the reports are read.
booked as (

    select
        messages.message_id,
        messages.session_id,
        sessions.project_id,
        messages.role,
        messages.agent,
        messages.model_id,
        messages.tokens_input,
        messages.tokens_output,
        messages.tokens_reasoning,
        messages.tokens_cache_read,
        messages.tokens_cache_write,
        coalesce(messages.tokens_unpriced, 0) as tokens_unpriced,
        messages.cost_recorded_usd,
        messages.message_cost_usd as cost_usd,
        coalesce(tool_calls.tool_call_count, 0) as tool_call_count,
        coalesce(tool_calls.tool_success_count, 0) as tool_success_count,
        coalesce(tool_calls.tool_finished_count, 0) as tool_finished_count,
        coalesce(errors.error_count, 0) as error_count,
        {{ local_date('messages.created_at') }} as usage_date
    from messages
    left join sessions
        on messages.session_id = sessions.session_id
    left join tool_calls
        on messages.message_id = tool_calls.message_id
    left join errors
        on messages.message_id = errors.message_id

)

select * from booked
