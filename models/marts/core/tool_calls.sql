with

parts as (

    select
        part_id,
        message_id,
        session_id,
        source_id,
        is_orphan,
        is_fork_copy,
        load_batch_id,
        deleted_at
    from {{ ref('parts') }}
    where part_type = 'tool'

),

tool_calls as (

    select *
    from {{ ref('int_tool_calls_unioned') }}

),

judged as (

    select *
    from {{ ref('int_tool_calls_judged') }}

),

tools as (

    select
        tool_name,
        tool_family,
        mcp_server
    from {{ ref('tools') }}

),

sessions as (

    select session_id
    from {{ ref('sessions') }}

),

described as (

    select
        -- ids
        parts.part_id as tool_call_id,
        parts.part_id,
        parts.message_id,
        parts.session_id,
        sessions.session_id as child_session_id,
        tool_calls.call_id,

        -- strings
        tool_calls.tool_name,
        tools.tool_family,
        tools.mcp_server,
        judged.status,
        tool_calls.status_recorded,
        tool_calls.title,
        tool_calls.tool_args,
        tool_calls.tool_result,
        tool_calls.metadata_json,
        judged.clock_problem,

        -- numbers
        tool_calls.exit_code,
        case
            when judged.clock_problem is null
                then {{ ms_between('tool_calls.started_at', 'tool_calls.ended_at') }}
        end as execution_time_ms,

        -- booleans
        parts.is_orphan,
        parts.is_fork_copy,

        -- timestamps
        tool_calls.started_at,
        tool_calls.ended_at,

        -- lineage
        parts.source_id,
        parts.load_batch_id,
        parts.deleted_at
    from parts
    -- one row each: the document of the store that counts
    inner join tool_calls
        on
            parts.part_id = tool_calls.part_id
            and parts.source_id = tool_calls.source_id
    inner join judged
        on
            parts.part_id = judged.part_id
            and parts.source_id = judged.source_id
    inner join tools
        on tool_calls.tool_name = tools.tool_name
    -- a task's session may be deleted, or was never made
    left join sessions
        on tool_calls.child_session_id = sessions.session_id

)

select * from described
