{%- set own_step = "messages.role = 'assistant' and not messages.is_fork_copy" -%}
{%- set step = "messages.role = 'assistant'" -%}

with

sessions as (

    select session_id
    from {{ ref('sessions') }}

),

messages as (

    select
        session_id,
        role,
        tokens_input,
        tokens_output,
        tokens_reasoning,
        tokens_cache_read,
        tokens_cache_write,
        tokens_unpriced,
        cost_recorded_usd,
        message_cost_usd,
        duration_ms,
        is_fork_copy
    from {{ ref('messages') }}

),

-- One row per session, be it without a message.
totaled as (

    select
        sessions.session_id,
        count(case when not messages.is_fork_copy then 1 end) as message_count,
        count(messages.session_id) as message_count_with_copies,
        count(case when {{ own_step }} then 1 end) as step_count,
        avg(case when {{ own_step }} then messages.duration_ms end) as avg_response_time_ms,
        {{ total_of('messages.tokens_input', where=own_step) }} as tokens_input,
        {{ total_of('messages.tokens_output', where=own_step) }} as tokens_output,
        {{ total_of('messages.tokens_reasoning', where=own_step) }} as tokens_reasoning,
        {{ total_of('messages.tokens_cache_read', where=own_step) }} as tokens_cache_read,
        {{ total_of('messages.tokens_cache_write', where=own_step) }} as tokens_cache_write,
        {{ total_of('messages.tokens_unpriced', where=own_step) }} as tokens_unpriced,
        {{ total_recorded_usd('messages.cost_recorded_usd', where=own_step) }} as cost_recorded_usd,
        {{ total_usd('messages.message_cost_usd', 'messages.tokens_unpriced', where=own_step) }}
            as cost_usd,
        {{ total_of('messages.tokens_input', where=step) }} as tokens_input_with_copies,
        {{ total_of('messages.tokens_output', where=step) }} as tokens_output_with_copies,
        {{ total_of('messages.tokens_reasoning', where=step) }} as tokens_reasoning_with_copies,
        {{ total_of('messages.tokens_cache_read', where=step) }} as tokens_cache_read_with_copies,
        {{ total_of('messages.tokens_cache_write', where=step) }} as tokens_cache_write_with_copies,
        {{ total_of('messages.tokens_unpriced', where=step) }} as tokens_unpriced_with_copies,
        {{ total_usd('messages.message_cost_usd', 'messages.tokens_unpriced', where=step) }}
            as cost_with_copies_usd
    from sessions
    left join messages
        on sessions.session_id = messages.session_id
    group by sessions.session_id

)

select * from totaled
