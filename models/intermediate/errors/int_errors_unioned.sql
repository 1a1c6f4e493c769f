{{ incremental_by_session() }}

with

message_errors as (

    select
        error_id,
        part_id,
        message_id,
        session_id,
        error_source,
        tool_name,
        tool_status,
        error_name,
        error_message,
        error_data,
        response_body,
        finish_reason,
        status_code_recorded,
        exit_code,
        is_retryable_recorded,
        is_orphan,
        is_fork_copy,
        occurred_at,
        source_id,
        load_batch_id,
        deleted_at
    from {{ changed(ref('int_message_errors_unioned')) }}

),

tool_calls as (

    select
        part_id,
        message_id,
        session_id,
        tool_name,
        status,
        status_recorded,
        exit_code,
        is_orphan,
        is_fork_copy,
        started_at,
        ended_at,
        source_id,
        load_batch_id,
        deleted_at,
        {{ cut_text('tool_result', 2000, 2000) }} as error_message
    from {{ changed(ref('tool_calls')) }}
    where status in ('error', 'timeout', 'aborted')

),

models_asked as (

    select
        message_id,
        provider_id,
        model_id
    from {{ changed(ref('messages')) }}

),

unioned as (

    select *
    from message_errors

    union all

    select
        part_id as error_id,
        part_id,
        message_id,
        session_id,
        'tool' as error_source,
        tool_name,
        status as tool_status,
        cast(null as {{ dbt.type_string() }}) as error_name,
        error_message,
        {{ json_object({
            'status': 'status',
            'statusRecorded': 'status_recorded',
            'exit': 'exit_code'
        }) }} as error_data,
        cast(null as {{ dbt.type_string() }}) as response_body,
        cast(null as {{ dbt.type_string() }}) as finish_reason,
        cast(null as bigint) as status_code_recorded,
        exit_code,
        cast(null as boolean) as is_retryable_recorded,
        is_orphan,
        is_fork_copy,
        coalesce(ended_at, started_at) as occurred_at,
        source_id,
        load_batch_id,
        deleted_at
    from tool_calls

),

asked as (

    select
        unioned.*,
        models_asked.provider_id,
        models_asked.model_id
    from unioned
    -- an orphan's message is gone
    left join models_asked
        on unioned.message_id = models_asked.message_id

)

select * from asked
