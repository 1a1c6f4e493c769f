{{ incremental_by_session() }}
{{ built_in_shares() }}

with

described as (

    select *
    from {{ changed(ref('int_exchanges_described')) }}
    where {{ is_of_share() }}

),

texts as (

    select
        chosen.exchange_id,
        chosen.text_role,
        {{ concat_texts('parts.content', 'parts.sequence_number') }} as content
    from described
    inner join {{ changed(ref('int_exchange_texts_chosen')) }} as chosen
        on described.exchange_id = chosen.exchange_id
    inner join {{ changed(ref('parts')) }} as parts
        on
            chosen.part_id = parts.part_id
            and chosen.session_id = parts.session_id
    group by
        chosen.exchange_id,
        chosen.text_role

),

filled as (

    select
        described.exchange_id,
        described.session_id,
        described.user_message_id,
        described.last_assistant_message_id,
        described.origin_exchange_id,
        described.exchange_trigger,
        described.agent,
        described.model_id,
        coalesce(prompts.content, described.subtask_prompt) as prompt_input,
        answers.content as prompt_output,
        described.exchange_number,
        described.prompt_input_bytes,
        described.prompt_output_bytes,
        described.step_count,
        described.tool_count,
        described.reasoning_count,
        described.error_count,
        described.unpriced_step_count,
        described.duration_ms,
        described.time_to_first_response_ms,
        described.tokens_in,
        described.tokens_out,
        described.tokens_reasoning,
        described.tokens_cache_read,
        described.tokens_cache_write,
        described.cost_recorded_usd,
        described.cost_usd,
        described.cost_with_copies_usd,
        described.tokens_unpriced,
        described.tokens_unpriced_with_copies,
        described.is_answered,
        described.is_automatic,
        described.is_fork_copy,
        described.started_at,
        described.first_response_at,
        described.ended_at,
        described.source_id,
        described.deleted_at
    from described
    left join texts as prompts
        on
            described.exchange_id = prompts.exchange_id
            and prompts.text_role = 'prompt'
    left join texts as answers
        on
            described.exchange_id = answers.exchange_id
            and answers.text_role = 'answer'

)

select * from filled
