{{ incremental_by_session() }}

with

parts as (

    select
        part_id,
        message_id,
        session_id,
        source_id,
        part_type,
        is_orphan,
        is_fork_copy,
        created_at,
        load_batch_id,
        deleted_at
    from {{ changed(ref('parts')) }}
    where part_type in ('step-start', 'step-finish', 'snapshot', 'retry')

),

steps as (

    select
        source_id,
        part_id,
        finish_reason,
        snapshot,
        error_name,
        error_data,
        retry_attempt,
        tokens_input_recorded,
        tokens_output_recorded,
        tokens_reasoning_recorded,
        tokens_cache_read_recorded,
        tokens_cache_write_recorded,
        cost_recorded_usd
    from {{ ref('stg_opencode__parts') }}
    where part_type in ('step-start', 'step-finish', 'snapshot', 'retry')

),

described as (

    select
        -- ids
        parts.part_id as step_event_id,
        parts.part_id,
        parts.message_id,
        parts.session_id,

        -- strings
        parts.part_type as event_type,
        steps.finish_reason,
        steps.snapshot,
        steps.error_name,
        {{ as_json('steps.error_data') }} as error_data,

        -- numbers
        steps.retry_attempt,
        steps.tokens_input_recorded,
        steps.tokens_output_recorded,
        steps.tokens_reasoning_recorded,
        steps.tokens_cache_read_recorded,
        steps.tokens_cache_write_recorded,
        steps.cost_recorded_usd,

        -- booleans
        parts.is_orphan,
        parts.is_fork_copy,

        -- timestamps
        parts.created_at as occurred_at,

        -- lineage
        parts.source_id,
        parts.load_batch_id,
        parts.deleted_at
    from parts
    -- one row: the document of the store that counts; none for a v2 part
    left join steps
        on
            parts.part_id = steps.part_id
            and parts.source_id = steps.source_id

)

select * from described
