{{ incremental_by_session(states='int_session_documents') }}

with

messages as (

    select *
    from {{ landed(ref('int_messages_timed')) }}

),

parts as (

    select
        message_id,
        part_id,
        text_code
    from {{ landed(ref('int_parts_deduplicated')) }}
    where part_type = 'text'

),

-- One row per message, so the join below multiplies nothing. Only what the user said tells two user
-- messages of one millisecond apart; a code keeps the text out of the window, and is known of a
-- text that was removed, too.
said as (

    select
        message_id,
        {{ concat_texts('text_code', 'part_id') }} as text_codes
    from parts
    group by message_id

),

-- A fork copies messages under new ids and keeps everything else. It is younger than what it
-- copies, whereas no session is younger than its own messages; that tells a copy from two alike
-- messages of two sessions.
keyed as (

    select
        messages.message_id,
        messages.session_id,
        messages.session_created_at,
        messages.resolved_created_at,
        messages.is_older_than_session or messages.session_created_at is null as may_be_copy,
        md5(concat_ws(
            '|',
            messages.role,
            cast({{ timestamp_to_ms('messages.resolved_created_at') }} as {{ dbt.type_string() }}),
            coalesce(messages.provider_id, ''),
            coalesce(messages.model_name, ''),
            case
                when messages.role = 'assistant'
                    then
                        concat_ws(
                            '|',
                            coalesce(
                                cast(
                                    {{ timestamp_to_ms('messages.completed_at') }}
                                    as {{ dbt.type_string() }}
                                ), ''
                            ),
                            cast(messages.tokens_input_recorded as {{ dbt.type_string() }}),
                            cast(messages.tokens_output_recorded as {{ dbt.type_string() }}),
                            cast(messages.tokens_reasoning_recorded as {{ dbt.type_string() }}),
                            cast(messages.tokens_cache_read_recorded as {{ dbt.type_string() }}),
                            cast(messages.tokens_cache_write_recorded as {{ dbt.type_string() }}),
                            cast(messages.cost_recorded_usd as {{ dbt.type_string() }})
                        )
                else concat_ws('|', coalesce(messages.agent, ''), coalesce(said.text_codes, ''))
            end
        )) as copy_key
    from messages
    left join said
        on messages.message_id = said.message_id

),

-- Two alike messages of one session are two messages: the nth of a session is a copy of the nth of
-- another.
numbered as (

    select
        *,
        row_number() over (
            partition by copy_key, session_id
            order by message_id asc
        ) as nth_in_session
    from keyed

)

select * from numbered
