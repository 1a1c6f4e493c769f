{{ incremental_by_session() }}

with

messages as (

    select
        message_id,
        exchange_id,
        session_id,
        is_fork_copy,
        source_id,
        deleted_at
    from {{ changed(ref('messages')) }}
    where exchange_id is not null

),

step_events as (

    select *
    from {{ changed(ref('int_exchange_step_events_unioned')) }}

),

part_events as (

    select *
    from {{ changed(ref('int_exchange_part_events_unioned')) }}

),

errors as (

    select
        error_id,
        message_id,
        part_id,
        error_name,
        error_category,
        occurred_at
    from {{ changed(ref('errors')) }}

),

unioned as (

    select
        trace_id,
        message_id,
        parent_trace_id,
        event_type,
        event_rank,
        sequence_number,
        event_data,
        occurred_at,
        duration_ms,
        tokens_in,
        tokens_out
    from step_events

    union all

    -- tokens are those of steps: a part's are among them
    select
        trace_id,
        message_id,
        parent_trace_id,
        event_type,
        event_rank,
        sequence_number,
        event_data,
        occurred_at,
        duration_ms,
        cast(null as bigint) as tokens_in,
        cast(null as bigint) as tokens_out
    from part_events

    union all

    -- what failed in no traced part failed in the step
    select
        'error:' || errors.error_id as trace_id,
        errors.message_id,
        coalesce(part_events.trace_id, errors.message_id) as parent_trace_id,
        'error' as event_type,
        4 as event_rank,
        cast(null as bigint) as sequence_number,
        {{ json_object({
            'error_id': 'errors.error_id',
            'error_name': 'errors.error_name',
            'error_category': 'errors.error_category'
        }) }} as event_data,
        errors.occurred_at,
        cast(null as bigint) as duration_ms,
        cast(null as bigint) as tokens_in,
        cast(null as bigint) as tokens_out
    from errors
    left join part_events
        on errors.part_id = part_events.trace_id

),

described as (

    select
        -- ids
        unioned.trace_id,
        messages.exchange_id,
        messages.session_id,
        unioned.parent_trace_id,
        unioned.message_id,

        -- strings
        unioned.event_type,
        {{ as_json('unioned.event_data') }} as event_data,

        -- numbers
        row_number() over (
            partition by messages.exchange_id
            order by
                unioned.occurred_at asc nulls last,
                unioned.event_rank asc,
                unioned.sequence_number asc nulls last,
                unioned.trace_id asc
        ) as event_order,
        unioned.duration_ms,
        unioned.tokens_in,
        unioned.tokens_out,

        -- booleans
        messages.is_fork_copy,

        -- timestamps
        unioned.occurred_at,

        -- lineage
        messages.source_id,
        messages.deleted_at
    from unioned
    inner join messages
        on unioned.message_id = messages.message_id

),

-- In the order of sessions: whoever asks for one reads little else.
sorted as (

    select *
    from described
    order by session_id

)

select * from sorted
