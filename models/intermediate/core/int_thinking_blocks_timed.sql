{{ incremental_by_session() }}

with

parts as (

    select
        part_id,
        message_id,
        session_id,
        source_id,
        content_bytes,
        is_orphan,
        is_fork_copy,
        created_at,
        load_batch_id,
        deleted_at
    from {{ changed(ref('parts')) }}
    where part_type in ('reasoning')

),

messages as (

    select
        message_id,
        tokens_reasoning
    from {{ changed(ref('messages')) }}

),

thoughts as (

    select
        source_id,
        part_id,
        text_started_at as started_at,
        text_ended_at as ended_at
    from {{ ref('stg_opencode__parts') }}
    where part_type = 'reasoning'

    union all

    select
        source_id,
        part_id,
        created_at as started_at,
        ended_at
    from {{ changed(ref('int_session_message_items_unnested')) }}
    where part_type = 'reasoning'

),

-- OpenCode counts the reasoning of a step, not of a block: known where the step has one block.
counted as (

    select
        *,
        count(*) over (partition by message_id) as n_blocks
    from parts

),

described as (

    select
        -- ids
        counted.part_id as thinking_id,
        counted.part_id,
        counted.message_id,
        counted.session_id,

        -- numbers
        counted.content_bytes,
        case
            when counted.n_blocks = 1 and messages.tokens_reasoning > 0
                then messages.tokens_reasoning
        end as thinking_tokens,
        {{ ms_between('thoughts.started_at', 'thoughts.ended_at') }} as thinking_time_ms,

        -- booleans
        counted.is_orphan,
        counted.is_fork_copy,

        -- timestamps
        thoughts.started_at,
        thoughts.ended_at,

        -- lineage
        counted.source_id,
        counted.load_batch_id,
        counted.deleted_at
    from counted
    left join messages
        on counted.message_id = messages.message_id
    -- one row: the document of the store that counts
    inner join thoughts
        on
            counted.part_id = thoughts.part_id
            and counted.source_id = thoughts.source_id

)

select * from described
