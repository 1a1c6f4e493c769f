{{ incremental_by_session() }}

-- What happened to whole messages: the prompt, the steps of the answer, compactions.
with

messages as (

    select
        message_id,
        session_id,
        exchange_id,
        role,
        agent,
        model_id,
        finish_reason,
        tokens_input,
        tokens_output,
        tokens_reasoning,
        tokens_cache_read,
        tokens_cache_write,
        message_cost_usd,
        duration_ms,
        created_at,
        completed_at
    from {{ changed(ref('messages')) }}

),

exchanges as (

    select
        exchange_id,
        user_message_id
    from {{ changed(ref('int_exchanges_described')) }}

),

compactions as (

    select
        compaction_id,
        message_id,
        session_id,
        is_auto,
        is_overflow,
        tokens_before,
        tokens_after,
        occurred_at
    from {{ changed(ref('compactions')) }}
    where not is_orphan

),

events as (

    select
        message_id as trace_id,
        message_id,
        session_id,
        cast(null as {{ dbt.type_string() }}) as parent_trace_id,
        'user_prompt' as event_type,
        0 as event_rank,
        cast(null as bigint) as sequence_number,
        {{ json_object({
            'message_id': 'message_id', 'agent': 'agent', 'model_id': 'model_id'
        }) }} as event_data,
        created_at as occurred_at,
        cast(null as bigint) as duration_ms,
        cast(null as bigint) as tokens_in,
        cast(null as bigint) as tokens_out
    from messages
    where role = 'user'

    union all

    select
        messages.message_id as trace_id,
        messages.message_id,
        messages.session_id,
        exchanges.user_message_id as parent_trace_id,
        'step_finish' as event_type,
        5 as event_rank,
        cast(null as bigint) as sequence_number,
        {{ json_object({
            'message_id': 'messages.message_id',
            'agent': 'messages.agent',
            'model_id': 'messages.model_id',
            'finish_reason': 'messages.finish_reason',
            'tokens_reasoning': 'messages.tokens_reasoning',
            'tokens_cache_read': 'messages.tokens_cache_read',
            'tokens_cache_write': 'messages.tokens_cache_write',
            'cost_usd': 'cast(messages.message_cost_usd as double)'
        }) }} as event_data,
        coalesce(messages.completed_at, messages.created_at) as occurred_at,
        messages.duration_ms,
        messages.tokens_input as tokens_in,
        messages.tokens_output as tokens_out
    from messages
    inner join exchanges
        on messages.exchange_id = exchanges.exchange_id
    where messages.role = 'assistant'

    union all

    select
        compaction_id as trace_id,
        message_id,
        session_id,
        message_id as parent_trace_id,
        'compaction' as event_type,
        1 as event_rank,
        cast(null as bigint) as sequence_number,
        {{ json_object({
            'compaction_id': 'compaction_id',
            'is_auto': 'is_auto',
            'is_overflow': 'is_overflow',
            'tokens_before': 'tokens_before',
            'tokens_after': 'tokens_after'
        }) }} as event_data,
        occurred_at,
        cast(null as bigint) as duration_ms,
        cast(null as bigint) as tokens_in,
        cast(null as bigint) as tokens_out
    from compactions

)

select * from events
