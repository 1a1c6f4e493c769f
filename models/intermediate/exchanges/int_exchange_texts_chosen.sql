{{ incremental_by_session() }}

with

messages as (

    select
        message_id,
        session_id,
        exchange_id
    from {{ changed(ref('messages')) }}
    where role = 'user'

),

-- Without the texts that OpenCode adds, of attached files for one.
texts as (

    select
        part_id,
        message_id,
        content_bytes
    from {{ changed(ref('int_text_messages_timed')) }}
    where role = 'user' and not is_orphan and not is_synthetic and not is_ignored

),

speaking as (

    select
        exchange_id,
        session_id,
        last_speaking_message_id
    from {{ changed(ref('int_exchange_answers_summarized')) }}

),

parts as (

    select
        part_id,
        message_id,
        content_bytes
    from {{ changed(ref('parts')) }}
    where part_type = 'text' and content_bytes > 0

),

chosen as (

    select
        texts.part_id,
        messages.exchange_id,
        messages.session_id,
        'prompt' as text_role,
        texts.content_bytes
    from texts
    inner join messages
        on texts.message_id = messages.message_id

    union all

    select
        parts.part_id,
        speaking.exchange_id,
        speaking.session_id,
        'answer' as text_role,
        parts.content_bytes
    from speaking
    inner join parts
        on speaking.last_speaking_message_id = parts.message_id

)

select * from chosen
