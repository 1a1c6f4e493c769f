with

sessions_asked as (

    select
        messages.session_id,
        max(case when exchanges.session_id is not null then 1 else 0 end) as has_exchange
    from {{ ref('messages') }} as messages
    left join (
        select distinct session_id
        from {{ ref('exchanges') }}
    ) as exchanges
        on messages.session_id = exchanges.session_id
    where messages.role = 'user'
    group by messages.session_id

),

exchanges_traced as (

    select
        exchanges.exchange_id,
        traces.exchange_id is not null as has_trace
    from {{ ref('exchanges') }} as exchanges
    left join (
        select distinct exchange_id
        from {{ ref('exchange_traces') }}
    ) as traces
        on exchanges.exchange_id = traces.exchange_id

),

-- A step that failed or was cut short may rightly count no token and cost nothing.
sessions_answered as (

    select
        session_stats.session_id,
        coalesce(session_stats.root_tokens, 0) as root_tokens,
        session_stats.total_cost_usd
    from {{ ref('session_stats') }} as session_stats
    inner join (
        select distinct session_id
        from {{ ref('messages') }}
        where
            role = 'assistant'
            and finish_reason is not null
            and error_name is null
            and not is_fork_copy
    ) as answered
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

-- When the branch of a work tree was first known.
branches_first_known as (

    select
        work_tree,
        min(occurred_at) as known_since
    from {{ ref('git_events') }}
    where branch_after is not null
    group by work_tree

),

file_operations as (

    select
        operations.file_op_id,
        operations.git_branch,
        coalesce(operations.occurred_at >= branches.known_since, false) as could_be_known
    from {{ ref('file_operations') }} as operations
    left join {{ ref('messages') }} as messages
        on operations.message_id = messages.message_id
    left join branches_first_known as branches
        on messages.root_path = branches.work_tree
    where not operations.is_fork_copy

),

tokens as (

    select
        coalesce(sum(tokens_total), 0) as n_tokens,
        coalesce(sum(case when message_cost_usd is null then tokens_total end), 0) as n_unpriced
    from {{ ref('messages') }}
    where role = 'assistant' and not is_fork_copy

),

measured as (

    select {{ health_measure('exchanges_populated', 'has_exchange = 0', example='session_id') }}
    from sessions_asked

    union all

    select {{ health_measure('traces_populated', 'not has_trace', example='exchange_id') }}
    from exchanges_traced

    union all

    select {{ health_measure('sessions_with_tokens', 'root_tokens = 0', example='session_id') }}
    from sessions_answered

    union all

    select {{ health_measure('messages_with_root_path', 'root_path is null', example='message_id') }}
    from {{ ref('messages') }}

    union all

    select {{ health_measure('errors_classified', "error_category = 'unknown'", example='error_id') }}
    from errors

    union all

    select {{ health_measure('tool_calls_timed', 'execution_time_ms is null', example='tool_call_id') }}
    from finished_tool_calls

    union all

    select
        {{ health_measure(
            'file_operations_with_branch',
            n_checked='count(case when could_be_known then 1 end)',
            n_failed='count(case when could_be_known and git_branch is null then 1 end)',
            note="'Of all ' || count(*) || ' file operations ' || count(git_branch) || ' have a branch.'",
        ) }}
    from file_operations

    union all

    select {{ health_measure('sessions_with_cost', 'total_cost_usd is null', example='session_id') }}
    from sessions_answered

    union all

    select {{ health_measure('tokens_priced', n_checked='max(n_tokens)', n_failed='max(n_unpriced)') }}
    from tokens

)

select * from measured
