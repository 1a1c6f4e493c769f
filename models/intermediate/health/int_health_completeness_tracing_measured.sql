with

exchanges as (

    select
        exchange_id,
        session_id
    from {{ ref('exchanges') }}

),

sessions_with_exchanges as (

    select distinct session_id
    from exchanges

),

sessions_asked as (

    select
        messages.session_id,
        max(case when exchanged.session_id is not null then 1 else 0 end) as has_exchange
    from {{ ref('messages') }} as messages
    left join sessions_with_exchanges as exchanged
        on messages.session_id = exchanged.session_id
    where messages.role = 'user'
    group by messages.session_id

),

traces as (

    select distinct exchange_id
    from {{ ref('exchange_traces') }}

),

exchanges_traced as (

    select
        exchanges.exchange_id,
        traces.exchange_id is not null as has_trace
    from exchanges
    left join traces
        on exchanges.exchange_id = traces.exchange_id

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
        projects.vcs = 'git' as is_in_git_project,
        coalesce(operations.occurred_at >= branches.known_since, false) as could_be_known
    from {{ ref('file_operations') }} as operations
    left join {{ ref('messages') }} as messages
        on operations.message_id = messages.message_id
    left join {{ ref('sessions') }} as sessions
        on operations.session_id = sessions.session_id
    left join {{ ref('projects') }} as projects
        on sessions.project_id = projects.project_id
    left join branches_first_known as branches
        on messages.root_path = branches.work_tree
    where not operations.is_fork_copy

),

measured as (

    select {{ health_measure('exchanges_populated', 'has_exchange = 0', example='session_id') }}
    from sessions_asked

    union all

    select
        {{ health_measure('traces_populated', 'not has_trace', example='exchange_id') }}
    from exchanges_traced

    union all

    select
        {{ health_measure('messages_with_root_path', 'root_path is null', example='message_id') }}
    from {{ ref('messages') }}

    union all

    select
        {{ health_measure(
            'file_operations_with_branch',
            'git_branch is null',
            example='file_op_id',
            note="'Of ' || count(case when could_be_known then 1 end)"
            ~ " || ' that came after an agent had seen a branch, '"
            ~ " || count(case when could_be_known and git_branch is not null then 1 end)"
            ~ " || ' have one.'",
        ) }}
    from file_operations
    where is_in_git_project

)

select * from measured
