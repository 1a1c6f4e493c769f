{{ incremental_by_session() }}

with

user_messages as (

    select
        message_id,
        session_id,
        created_at
    from {{ changed(ref('messages')) }}
    where role = 'user'

),

texts as (

    select
        message_id,
        is_synthetic,
        is_note_of_shell
    from {{ changed(ref('int_text_messages_timed')) }}
    where role = 'user' and not is_orphan

),

compactions as (

    select
        message_id,
        bool_or(is_auto) as is_auto
    from {{ changed(ref('compactions')) }}
    group by message_id

),

subtasks as (

    select distinct message_id
    from {{ ref('requested_agents') }}
    where request_type = 'subtask'

),

-- OpenCode adds texts of its own to what the user wrote, of attached files for one.
said as (

    select
        message_id,
        bool_and(is_synthetic) as is_synthetic,
        bool_or(is_synthetic and is_note_of_shell) as is_shell
    from texts
    group by message_id

),

sorted as (

    select
        user_messages.message_id,
        user_messages.session_id,
        user_messages.created_at,
        coalesce(compactions.is_auto, false) as is_auto_compaction,
        case
            when compactions.message_id is not null then 'compaction'
            when subtasks.message_id is not null then 'subtask'
            when said.is_shell then 'shell'
            when said.is_synthetic then 'synthetic'
            else 'prompt'
        end as kind
    from user_messages
    left join said
        on user_messages.message_id = said.message_id
    left join compactions
        on user_messages.message_id = compactions.message_id
    left join subtasks
        on user_messages.message_id = subtasks.message_id

),

-- A text of OpenCode's own after a compaction or a sub-agent makes the agent go on.
followed as (

    select
        *,
        lag(kind) over (
            partition by session_id
            order by created_at asc nulls last, message_id asc
        ) as kind_before
    from sorted

),

triggered as (

    select
        message_id,
        session_id,
        created_at,
        is_auto_compaction,
        case
            when kind != 'synthetic' then kind
            when kind_before in ('compaction', 'subtask') then 'continuation'
            else 'prompt'
        end as exchange_trigger
    from followed

),

-- The turns that somebody started, counted: what OpenCode started on its own goes on with the last
-- of them.
counted as (

    select
        *,
        exchange_trigger = 'continuation' or is_auto_compaction as is_automatic,
        count(
            case when exchange_trigger != 'continuation' and not is_auto_compaction then 1 end
        ) over (
            partition by session_id
            order by created_at asc nulls last, message_id asc
            rows between unbounded preceding and current row
        ) as nth_started
    from triggered

),

originated as (

    select
        message_id,
        session_id,
        exchange_trigger,
        is_automatic,
        coalesce(
            max(case when not is_automatic then message_id end) over (
                partition by session_id, nth_started
            ),
            message_id
        ) as origin_exchange_id
    from counted

)

select * from originated
