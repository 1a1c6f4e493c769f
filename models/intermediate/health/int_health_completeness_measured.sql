with

-- A step that failed or was cut short may rightly count no token and cost nothing.
answered as (

    select distinct session_id
    from {{ ref('messages') }}
    where
        role = 'assistant'
        and finish_reason is not null
        and error_name is null
        and not is_fork_copy

),

sessions_answered as (

    select
        session_stats.session_id,
        coalesce(session_stats.root_tokens, 0) as root_tokens,
        session_stats.total_cost_usd
    from {{ ref('session_stats') }} as session_stats
    inner join answered
        on session_stats.session_id = answered.session_id

),

errors as (

    select
        error_id,
        error_category
    from {{ ref('errors') }}
    where not is_fork_copy

),

finished_tool_calls as (

    select
        tool_call_id,
        execution_time_ms
    from {{ ref('tool_calls') }}
    where not is_fork_copy and status in ('success', 'error', 'timeout')

),

tokens as (

    select
        coalesce(sum(tokens_total), 0) as n_tokens,
        coalesce(sum(case when message_cost_usd is null then tokens_total end), 0) as n_unpriced
    from {{ ref('messages') }}
    where role = 'assistant' and not is_fork_copy

),

-- What OpenCode keeps of a session falls when messages are removed, so it is never more than they
-- have: where it is, messages are missing.
sessions_totaled as (

    select
        sessions.session_id,
        sessions.tokens_total_recorded,
        coalesce(sum(
            messages.tokens_input_recorded
            + messages.tokens_output_recorded
            + messages.tokens_reasoning_recorded
            + messages.tokens_cache_read_recorded
            + messages.tokens_cache_write_recorded
        ), 0) as message_tokens
    from {{ ref('sessions') }} as sessions
    left join {{ ref('messages') }} as messages
        on sessions.session_id = messages.session_id
    where sessions.tokens_total_recorded > 0
    group by sessions.session_id, sessions.tokens_total_recorded

),

measured as (

    select
        {{ health_measure('sessions_with_tokens', 'root_tokens = 0', example='session_id') }}
    from sessions_answered

    union all

    select
        {{ health_measure('errors_classified', "error_category = 'unknown'", example='error_id') }}
    from errors

    union all

    select
        {{ health_measure(
            'tool_calls_timed', 'execution_time_ms is null', example='tool_call_id'
        ) }}
    from finished_tool_calls

    union all

    select
        {{ health_measure('sessions_with_cost', 'total_cost_usd is null', example='session_id') }}
    from sessions_answered

    union all

    select
        {{ health_measure(
            'tokens_priced', n_checked='max(n_tokens)', n_failed='max(n_unpriced)'
        ) }}
    from tokens

    union all

    select
        {{ health_measure(
            'session_totals_reached', 'message_tokens < tokens_total_recorded', example='session_id'
        ) }}
    from sessions_totaled

)

select * from measured
