{{ incremental_by_session() }}

with

parts as (

    select
        part_id,
        message_id,
        session_id,
        source_id,
        is_orphan,
        is_fork_copy,
        created_at,
        load_batch_id,
        deleted_at
    from {{ changed(ref('parts')) }}
    where part_type in ('compaction')

),

documents as (

    select
        source_id,
        part_id,
        is_auto_compaction,
        is_overflow_compaction
    from {{ ref('stg_opencode__parts') }}
    where part_type = 'compaction'

),

steps as (

    select
        message_id,
        session_id,
        parent_message_id,
        is_summary,
        created_at,
        tokens_input + tokens_cache_read + tokens_cache_write as context_tokens
    from {{ changed(ref('messages')) }}
    where role = 'assistant'

),

-- One row per compaction: the summary that answers it.
summaries as (

    select
        parent_message_id,
        min_by(message_id, {{ timestamp_to_ms('created_at') }}) as summary_message_id,
        min(created_at) as summarized_at
    from steps
    where is_summary
    group by parent_message_id

),

-- The context before is that of the last step that had one, the context after that of the first
-- step that has one.
measured as (

    select
        parts.part_id,
        max_by(
            steps.context_tokens, {{ timestamp_to_ms('steps.created_at') }}
        ) filter (
            where steps.created_at < parts.created_at and steps.context_tokens > 0
        ) as tokens_before,
        min_by(
            steps.context_tokens, {{ timestamp_to_ms('steps.created_at') }}
        ) filter (
            where
            steps.created_at > summaries.summarized_at
            and steps.context_tokens > 0
            and not steps.is_summary
        ) as tokens_after
    from parts
    left join summaries
        on parts.message_id = summaries.parent_message_id
    left join steps
        on parts.session_id = steps.session_id
    group by parts.part_id

),

described as (

    select
        -- ids
        parts.part_id as compaction_id,
        parts.part_id,
        parts.message_id,
        parts.session_id,
        summaries.summary_message_id,

        -- numbers
        measured.tokens_before,
        measured.tokens_after,
        cast(measured.tokens_after as double)
        / nullif(measured.tokens_before, 0) as compaction_ratio,

        -- booleans
        coalesce(documents.is_auto_compaction, false) as is_auto,
        coalesce(documents.is_overflow_compaction, false) as is_overflow,
        parts.is_orphan,
        parts.is_fork_copy,

        -- timestamps
        parts.created_at as occurred_at,

        -- lineage
        parts.source_id,
        parts.load_batch_id,
        parts.deleted_at
    from parts
    inner join measured
        on parts.part_id = measured.part_id
    left join summaries
        on parts.message_id = summaries.parent_message_id
    -- one row: the document of the store that counts; none for a v2 part
    left join documents
        on
            parts.part_id = documents.part_id
            and parts.source_id = documents.source_id

)

select * from described
