{{ incremental_by_session() }}

with

messages as (

    select
        message_id,
        session_id,
        parent_message_id,
        role,
        agent,
        mode,
        provider_id,
        model_name,
        finish_reason,
        error_name,
        error_data,
        root_path,
        working_directory,
        tokens_input_recorded,
        tokens_output_recorded,
        tokens_reasoning_recorded,
        tokens_cache_read_recorded,
        tokens_cache_write_recorded,
        tokens_total_recorded,
        cost_recorded_usd,
        is_summary,
        message_format,
        completed_at,
        source_id,
        load_batch_id,
        deleted_at,
        earliest_version,
        resolved_created_at
    from {{ changed(ref('int_messages_timed')) }}

),

models as (

    select
        provider_id,
        model_name
    from {{ ref('int_models_with_cache_writes') }}

),

-- What tells how OpenCode counted the tokens of a row. A session's version is that of its creator,
-- and later versions add rows to it, so the row itself decides wherever it can.
clued as (

    select
        messages.*,
        messages.tokens_input_recorded
        + messages.tokens_output_recorded
        + messages.tokens_cache_read_recorded
        + messages.tokens_cache_write_recorded as tokens_without_reasoning,
        lower(coalesce(messages.provider_id, '') || '/' || coalesce(messages.model_name, ''))
            as provider_and_model,
        models.model_name is not null as is_model_with_cache_writes,
        coalesce({{ version_at_least('messages.earliest_version', '1.0.98') }}, false)
            as is_after_cached_input,
        coalesce({{ version_at_least('messages.earliest_version', '1.14.34') }}, false)
            as is_after_reasoning_in_output
    from messages
    left join models
        on
            messages.provider_id = models.provider_id
            and messages.model_name = models.model_name

),

judged as (

    select
        *,
        -- Up to 1.0.97 the input of OpenAI-style providers includes cached tokens. Those versions
        -- alone write no `finish` beside tokens.
        message_format = 1
        and finish_reason is null
        and tokens_total_recorded is null
        and not is_after_cached_input
        and not is_model_with_cache_writes
        and provider_and_model not like '%claude%'
        and tokens_cache_read_recorded > 0
        and tokens_input_recorded >= tokens_cache_read_recorded as is_cached_in_input,
        -- A provider may count more cached tokens than the prompt has. The total is then the sum as
        -- it stands, with an input below zero.
        coalesce(
            tokens_input_recorded < 0
            and tokens_input_recorded + tokens_cache_read_recorded >= 0
            and tokens_total_recorded in (
                tokens_without_reasoning, tokens_without_reasoning + tokens_reasoning_recorded
            ), false
        ) as is_cache_above_prompt,
        -- Up to 1.14.33 the output includes reasoning, but for Google, whose interface counts them
        -- apart. From 1.1.58 on the total shows it.
        case
            when message_format = 2 then false
            when tokens_output_recorded < tokens_reasoning_recorded then false
            when tokens_total_recorded is not null
                then
                    tokens_total_recorded = tokens_without_reasoning
                    or (
                        tokens_input_recorded < 0
                        and tokens_total_recorded in (
                            tokens_without_reasoning + tokens_cache_read_recorded,
                            tokens_without_reasoning
                            + tokens_cache_read_recorded
                            + tokens_cache_write_recorded
                        )
                    )
            else not is_after_reasoning_in_output and provider_and_model not like 'google%'
        end as is_reasoning_in_output
    from clued

),

normalized as (

    select
        *,
        case
            when is_cached_in_input then tokens_input_recorded - tokens_cache_read_recorded
            when is_cache_above_prompt then 0
            -- Up to 1.14.41 cached tokens were also subtracted where the provider had left them out
            -- already.
            when
                tokens_input_recorded < 0
                and tokens_input_recorded + tokens_cache_read_recorded >= 0
                then tokens_input_recorded + tokens_cache_read_recorded
            when tokens_input_recorded < 0
                then
                    tokens_input_recorded
                    + tokens_cache_read_recorded
                    + tokens_cache_write_recorded
            else tokens_input_recorded
        end as tokens_input,
        case
            when is_reasoning_in_output then tokens_output_recorded - tokens_reasoning_recorded
            else tokens_output_recorded
        end as tokens_output,
        tokens_reasoning_recorded as tokens_reasoning,
        case
            when is_cache_above_prompt then tokens_cache_read_recorded + tokens_input_recorded
            else tokens_cache_read_recorded
        end as tokens_cache_read,
        tokens_cache_write_recorded as tokens_cache_write
    from judged

),

totaled as (

    select
        *,
        -- a count that the provider did not give is none of those that it gave
        case
            when tokens_input is not null or tokens_output is not null
                then
                    coalesce(tokens_input, 0)
                    + coalesce(tokens_output, 0)
                    + coalesce(tokens_reasoning, 0)
                    + coalesce(tokens_cache_read, 0)
                    + coalesce(tokens_cache_write, 0)
        end as tokens_total
    from normalized

)

select * from totaled
