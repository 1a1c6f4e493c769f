{{ incremental_by_session() }}

-- What happened within the steps of an answer: thinking, texts, calls of tools and of sub-agents.
with

parts as (

    select
        part_id,
        message_id,
        session_id,
        sequence_number,
        created_at
    from {{ changed(ref('parts')) }}
    where part_type in ('reasoning', 'text', 'tool') and not is_orphan

),

thinking_blocks as (

    select
        part_id,
        thinking_tokens,
        thinking_time_ms,
        started_at
    from {{ changed(ref('int_thinking_blocks_timed')) }}

),

text_messages as (

    select
        part_id,
        duration_ms
    from {{ changed(ref('int_text_messages_timed')) }}
    where role = 'assistant' and content_bytes > 0

),

tool_calls as (

    select
        part_id,
        tool_name,
        mcp_server,
        status,
        exit_code,
        execution_time_ms,
        started_at
    from {{ changed(ref('tool_calls')) }}

),

delegations as (

    select
        delegation_id,
        tool_call_id,
        child_session_id,
        agent,
        status,
        duration_ms,
        started_at
    from {{ changed(ref('delegations')) }}
    where tool_call_id is not null

),

events as (

    select
        parts.part_id as trace_id,
        parts.message_id,
        parts.session_id,
        parts.message_id as parent_trace_id,
        'reasoning' as event_type,
        2 as event_rank,
        parts.sequence_number,
        {{ json_object({
            'part_id': 'parts.part_id', 'tokens_reasoning': 'thinking_blocks.thinking_tokens'
        }) }} as event_data,
        coalesce(thinking_blocks.started_at, parts.created_at) as occurred_at,
        thinking_blocks.thinking_time_ms as duration_ms
    from parts
    inner join thinking_blocks
        on parts.part_id = thinking_blocks.part_id

    union all

    select
        parts.part_id as trace_id,
        parts.message_id,
        parts.session_id,
        parts.message_id as parent_trace_id,
        'assistant_response' as event_type,
        2 as event_rank,
        parts.sequence_number,
        {{ json_object({'part_id': 'parts.part_id'}) }} as event_data,
        parts.created_at as occurred_at,
        text_messages.duration_ms
    from parts
    inner join text_messages
        on parts.part_id = text_messages.part_id

    union all

    select
        parts.part_id as trace_id,
        parts.message_id,
        parts.session_id,
        parts.message_id as parent_trace_id,
        'tool_call' as event_type,
        2 as event_rank,
        parts.sequence_number,
        {{ json_object({
            'part_id': 'parts.part_id',
            'tool_name': 'tool_calls.tool_name',
            'mcp_server': 'tool_calls.mcp_server',
            'status': 'tool_calls.status',
            'exit_code': 'tool_calls.exit_code'
        }) }} as event_data,
        coalesce(tool_calls.started_at, parts.created_at) as occurred_at,
        tool_calls.execution_time_ms as duration_ms
    from parts
    inner join tool_calls
        on parts.part_id = tool_calls.part_id

    union all

    select
        'delegation:' || delegations.delegation_id as trace_id,
        parts.message_id,
        parts.session_id,
        parts.part_id as parent_trace_id,
        'delegation' as event_type,
        3 as event_rank,
        parts.sequence_number,
        {{ json_object({
            'delegation_id': 'delegations.delegation_id',
            'child_session_id': 'delegations.child_session_id',
            'agent': 'delegations.agent',
            'status': 'delegations.status'
        }) }} as event_data,
        coalesce(delegations.started_at, parts.created_at) as occurred_at,
        delegations.duration_ms
    from parts
    inner join delegations
        on parts.part_id = delegations.tool_call_id

)

select * from events
