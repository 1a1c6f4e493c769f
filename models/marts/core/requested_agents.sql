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
    from {{ ref('parts') }}
    where part_type in ('agent', 'subtask')

),

requests as (

    select
        source_id,
        part_id,
        coalesce(subtask_agent, agent_name) as agent,
        subtask_description,
        subtask_prompt,
        subtask_command,
        subtask_provider_id || '/' || subtask_model_name as model_id
    from {{ ref('stg_opencode__parts') }}
    where part_type in ('agent', 'subtask')

),

described as (

    select
        -- ids
        parts.part_id as requested_agent_id,
        parts.part_id,
        parts.message_id,
        parts.session_id,

        -- strings
        parts.part_type as request_type,
        requests.agent,
        requests.subtask_description,
        requests.subtask_prompt,
        requests.subtask_command,
        requests.model_id,

        -- booleans
        parts.is_orphan,
        parts.is_fork_copy,

        -- timestamps
        parts.created_at as requested_at,

        -- lineage
        parts.source_id,
        parts.load_batch_id,
        parts.deleted_at
    from parts
    -- one row: the document of the store that counts; none for a v2 part
    left join requests
        on
            parts.part_id = requests.part_id
            and parts.source_id = requests.source_id

)

select * from described
