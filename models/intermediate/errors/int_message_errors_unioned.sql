{{ incremental_by_session() }}

{%- set data_paths = {
    'message': 'message',
    'status_code': 'statusCode',
    'response_body': 'responseBody',
    'is_retryable': 'isRetryable'
} -%}

with

messages as (

    select
        message_id,
        session_id,
        provider_id,
        model_id,
        finish_reason,
        error_name,
        error_data,
        is_fork_copy,
        created_at,
        completed_at,
        source_id,
        load_batch_id,
        deleted_at,
        {{ json_fields('error_data', data_paths, is_field=true) }} as fields
    from {{ changed(ref('messages')) }}
    where error_name is not null or finish_reason in ('length', 'content-filter', 'error')

),

-- Up to 1.0 every attempt that OpenCode repeated left a part of its own.
retries as (

    select
        step_event_id,
        message_id,
        session_id,
        error_name,
        error_data,
        is_orphan,
        is_fork_copy,
        occurred_at,
        source_id,
        load_batch_id,
        deleted_at,
        {{ json_fields('error_data', data_paths, is_field=true) }} as fields
    from {{ changed(ref('step_events')) }}
    where event_type = 'retry'

),

unioned as (

    select
        message_id as error_id,
        cast(null as {{ dbt.type_string() }}) as part_id,
        message_id,
        session_id,
        case when error_name is null then 'finish' else 'message' end as error_source,
        cast(null as {{ dbt.type_string() }}) as tool_name,
        cast(null as {{ dbt.type_string() }}) as tool_status,
        error_name,
        case
            when error_name is null then 'The model stopped: ' || finish_reason
            else {{ cut_text(json_field('fields', data_paths, 'message'), 2000, 2000) }}
        end as error_message,
        coalesce(error_data, {{ json_object({'finish': 'finish_reason'}) }}) as error_data,
        {{ cut_text(json_field('fields', data_paths, 'response_body'), 2000, 500) }}
            as response_body,
        case when error_name is null then finish_reason end as finish_reason,
        {{ json_bigint(json_field('fields', data_paths, 'status_code')) }} as status_code_recorded,
        cast(null as bigint) as exit_code,
        {{ json_boolean(json_field('fields', data_paths, 'is_retryable')) }}
            as is_retryable_recorded,
        false as is_orphan,
        is_fork_copy,
        coalesce(completed_at, created_at) as occurred_at,
        source_id,
        load_batch_id,
        deleted_at
    from messages

    union all

    select
        step_event_id as error_id,
        step_event_id as part_id,
        message_id,
        session_id,
        'retry' as error_source,
        cast(null as {{ dbt.type_string() }}) as tool_name,
        cast(null as {{ dbt.type_string() }}) as tool_status,
        error_name,
        {{ cut_text(json_field('fields', data_paths, 'message'), 2000, 2000) }} as error_message,
        error_data,
        {{ cut_text(json_field('fields', data_paths, 'response_body'), 2000, 500) }}
            as response_body,
        cast(null as {{ dbt.type_string() }}) as finish_reason,
        {{ json_bigint(json_field('fields', data_paths, 'status_code')) }} as status_code_recorded,
        cast(null as bigint) as exit_code,
        {{ json_boolean(json_field('fields', data_paths, 'is_retryable')) }}
            as is_retryable_recorded,
        is_orphan,
        is_fork_copy,
        occurred_at,
        source_id,
        load_batch_id,
        deleted_at
    from retries

)

select * from unioned
