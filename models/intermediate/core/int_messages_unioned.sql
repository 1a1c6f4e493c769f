{{ config(materialized='view') }}

with

messages as (

    select *
    from {{ ref('stg_opencode__messages') }}

),

session_messages as (

    select *
    from {{ ref('stg_opencode__session_messages') }}
    -- The others note a switch of agent or model; nobody said or answered anything.
    where message_type not in ('agent-switched', 'model-switched')

),

-- A v2 row names no parent: its turn is the user row before it.
turns as (

    select
        source_id,
        message_id,
        max(case when message_type = 'user' then sequence_number end) over (
            partition by source_id, session_id
            order by sequence_number, message_id
            rows between unbounded preceding and 1 preceding
        ) as user_sequence_number
    from session_messages

),

users as (

    select
        source_id,
        session_id,
        sequence_number,
        message_id
    from session_messages
    where message_type = 'user'

),

unioned as (

    select
        message_id,
        session_id,
        parent_message_id,
        role,
        -- OpenCode calls one thing by both names; 1.0.61 wrote the mode alone
        coalesce(agent, mode) as agent,
        coalesce(mode, case when role = 'assistant' then agent end) as mode,
        coalesce(assistant_provider_id, user_provider_id) as provider_id,
        coalesce(assistant_model_name, user_model_name) as model_name,
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
        coalesce(is_summary, false) as is_summary,
        1 as message_format,
        created_at,
        completed_at,
        source_id,
        origin_modified_at,
        load_batch_id,
        deleted_at
    from messages

    union all

    select
        session_messages.message_id,
        session_messages.session_id,
        case
            when session_messages.message_type != 'user' then users.message_id
        end as parent_message_id,
        session_messages.message_type as role,
        session_messages.agent,
        session_messages.agent as mode,
        session_messages.provider_id,
        session_messages.model_name,
        session_messages.finish_reason,
        session_messages.error_type as error_name,
        session_messages.error_json as error_data,
        cast(null as {{ dbt.type_string() }}) as root_path,
        cast(null as {{ dbt.type_string() }}) as working_directory,
        session_messages.tokens_input_recorded,
        session_messages.tokens_output_recorded,
        session_messages.tokens_reasoning_recorded,
        session_messages.tokens_cache_read_recorded,
        session_messages.tokens_cache_write_recorded,
        cast(null as bigint) as tokens_total_recorded,
        session_messages.cost_recorded_usd,
        session_messages.message_type = 'compaction' as is_summary,
        2 as message_format,
        session_messages.created_at,
        session_messages.completed_at,
        session_messages.source_id,
        session_messages.origin_modified_at,
        session_messages.load_batch_id,
        session_messages.deleted_at
    from session_messages
    -- both joins find at most one row: a message id is unique in a source, a sequence number in a
    -- session
    inner join turns
        on
            session_messages.source_id = turns.source_id
            and session_messages.message_id = turns.message_id
    left join users
        on
            session_messages.source_id = users.source_id
            and session_messages.session_id = users.session_id
            and turns.user_sequence_number = users.sequence_number

)

select * from unioned
