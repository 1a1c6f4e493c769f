{#- A view: what was asked and answered is put together from the texts of `parts`, where somebody reads
    it; as a table it would hold them once more. -#}
{{ config(materialized='view') }}

with

described as (

    select *
    from {{ ref('int_exchanges_described') }}

),

texts as (

    select
        chosen.exchange_id,
        chosen.text_role,
        parts.content,
        parts.sequence_number
    from {{ ref('int_exchange_texts_chosen') }} as chosen
    inner join {{ ref('parts') }} as parts
        on chosen.part_id = parts.part_id

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
        coalesce(
            (
                select {{ concat_texts('texts.content', 'texts.sequence_number') }}
                from texts
                where texts.exchange_id = described.exchange_id and texts.text_role = 'prompt'
            ),
            described.subtask_prompt
        ) as prompt_input,
        (
            select {{ concat_texts('texts.content', 'texts.sequence_number') }}
            from texts
            where texts.exchange_id = described.exchange_id and texts.text_role = 'answer'
        ) as prompt_output,
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
        described.is_answered,
        described.is_automatic,
        described.is_fork_copy,
        described.started_at,
        described.first_response_at,
        described.ended_at,
        described.source_id,
        described.deleted_at
    from described

)

select * from filled
