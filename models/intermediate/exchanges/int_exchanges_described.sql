{{ incremental_by_session() }}

with

measured as (

    select *
    from {{ changed(ref('int_exchanges_measured')) }}

),

triggered as (

    select
        message_id,
        exchange_trigger,
        is_automatic,
        origin_exchange_id
    from {{ changed(ref('int_exchanges_triggered')) }}

),

-- What a sub-agent was asked stands where the user wrote nothing.
subtasks as (

    select
        message_id,
        max(subtask_prompt) as prompt
    from {{ ref('requested_agents') }}
    where request_type = 'subtask'
    group by message_id

),

texts as (

    select
        exchange_id,
        cast(sum(case when text_role = 'prompt' then content_bytes end) as bigint) as prompt_bytes,
        cast(sum(case when text_role = 'answer' then content_bytes end) as bigint) as answer_bytes
    from {{ changed(ref('int_exchange_texts_chosen')) }}
    group by exchange_id

),

answers as (

    select
        exchange_id,
        first_response_at,
        tool_count,
        reasoning_count
    from {{ changed(ref('int_exchange_answers_summarized')) }}

),

messages as (

    select
        message_id,
        exchange_id
    from {{ changed(ref('messages')) }}

),

errors as (

    select
        messages.exchange_id,
        count(*) as error_count
    from {{ changed(ref('errors')) }} as errors
    inner join messages
        on errors.message_id = messages.message_id
    where not errors.is_fork_copy
    group by messages.exchange_id

),

described as (

    select
        -- ids
        measured.exchange_id,
        measured.session_id,
        measured.user_message_id,
        measured.last_assistant_message_id,
        coalesce(triggered.origin_exchange_id, measured.exchange_id) as origin_exchange_id,

        -- strings
        triggered.exchange_trigger,
        measured.agent,
        measured.model_id,
        case when texts.prompt_bytes is null then subtasks.prompt end as subtask_prompt,

        -- numbers
        row_number() over (
            partition by measured.session_id
            order by measured.started_at asc nulls last, measured.exchange_id asc
        ) as exchange_number,
        measured.step_count,
        coalesce(texts.prompt_bytes, {{ text_bytes('subtasks.prompt') }}) as prompt_input_bytes,
        texts.answer_bytes as prompt_output_bytes,
        coalesce(answers.tool_count, 0) as tool_count,
        coalesce(answers.reasoning_count, 0) as reasoning_count,
        coalesce(errors.error_count, 0) as error_count,
        measured.unpriced_step_count,
        {{ ms_between('measured.started_at', 'measured.ended_at') }} as duration_ms,
        {{ ms_between('measured.started_at', 'answers.first_response_at') }}
            as time_to_first_response_ms,

        -- tokens and money
        measured.tokens_in,
        measured.tokens_out,
        measured.tokens_reasoning,
        measured.tokens_cache_read,
        measured.tokens_cache_write,
        measured.cost_recorded_usd,
        measured.cost_usd,
        measured.cost_with_copies_usd,
        measured.tokens_unpriced,
        measured.tokens_unpriced_with_copies,

        -- booleans
        measured.step_count > 0 as is_answered,
        coalesce(triggered.is_automatic, false) as is_automatic,
        measured.is_fork_copy,

        -- timestamps
        measured.started_at,
        answers.first_response_at,
        measured.ended_at,

        -- lineage
        measured.source_id,
        measured.deleted_at
    from measured
    left join triggered
        on measured.user_message_id = triggered.message_id
    left join subtasks
        on measured.user_message_id = subtasks.message_id
    left join texts
        on measured.exchange_id = texts.exchange_id
    left join answers
        on measured.exchange_id = answers.exchange_id
    left join errors
        on measured.exchange_id = errors.exchange_id

)

select * from described
