{{ incremental_by_session() }}

with

tool_calls as (

    select
        source_id,
        part_id,
        session_id,
        tool_name,
        status_recorded,
        exit_code,
        started_at,
        ended_at,
        coalesce(error_message, '') as error_message,
        -- A shell's exit code that is there and null; OpenCode's own note at the end of its output.
        tool_name in ('bash', 'shell') and is_exit_null as is_killed,
        coalesce(tool_output_end, '') as ending
    from {{ changed(ref('int_tool_calls_unioned')) }}

),

-- A failed command is `completed` for OpenCode, and so is a call of a tool that does not exist.
judged as (

    select
        source_id,
        part_id,
        session_id,
        case
            when coalesce(status_recorded, '') not in ('completed', 'error') then 'running'
            when status_recorded = 'error' and error_message like 'Tool execution aborted%'
                then 'aborted'
            when
                status_recorded = 'error'
                -- never the bare word, which may be a file's name
                and {{ regex_match(
                    'lower(error_message)',
                    'timed out|etimedout|timeout (exceeded|after|of)|exceed(ed|ing) (the )?timeout'
                ) }}
                then 'timeout'
            when status_recorded = 'error' or tool_name = 'invalid' then 'error'
            when
                exit_code is null
                and {{ regex_match('ending', 'terminated command after exceeding timeout') }}
                then 'timeout'
            when exit_code is null and ending like '%User aborted the command%' then 'aborted'
            when exit_code is null and is_killed then 'aborted'
            when exit_code != 0 then 'error'
            else 'success'
        end as status,
        case
            when started_at is null then 'not started'
            when ended_at is null then 'not ended'
            when error_message like 'Tool execution aborted%' and started_at = ended_at
                then 'aborted: start and end are those of the clean-up'
        end as clock_problem
    from tool_calls

)

select * from judged
