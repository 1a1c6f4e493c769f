{{ incremental_by_session() }}

with

messages as (

    select
        message_id,
        session_id,
        exchange_id,
        created_at
    from {{ changed(ref('messages')) }}
    where role = 'assistant'

),

parts as (

    select
        parts.message_id,
        messages.exchange_id,
        messages.session_id,
        parts.part_type,
        parts.content_bytes,
        parts.is_fork_copy,
        parts.created_at,
        messages.created_at as message_created_at
    from {{ changed(ref('parts')) }} as parts
    inner join messages
        on parts.message_id = messages.message_id
    where parts.part_type in ('text', 'reasoning', 'tool')

),

counted as (

    select
        exchange_id,
        min(session_id) as session_id,
        min(created_at) as first_response_at,
        count(case when part_type = 'tool' and not is_fork_copy then 1 end) as tool_count,
        count(case when part_type = 'reasoning' and not is_fork_copy then 1 end)
            as reasoning_count
    from parts
    group by exchange_id

),

ranked as (

    select
        exchange_id,
        message_id,
        row_number() over (
            partition by exchange_id
            order by message_created_at desc nulls last, message_id desc
        ) as nth_from_last
    from parts
    where part_type = 'text' and content_bytes > 0

),

-- Who spoke last; an aborted turn may end in a step without a word.
summarized as (

    select
        counted.exchange_id,
        counted.session_id,
        ranked.message_id as last_speaking_message_id,
        counted.first_response_at,
        counted.tool_count,
        counted.reasoning_count
    from counted
    left join ranked
        on
            counted.exchange_id = ranked.exchange_id
            and ranked.nth_from_last = 1

)

select * from summarized
