{{ incremental_by_session() }}

with

commands as (

    select *
    from {{ changed(ref('int_git_commands_parsed')) }}

),

tool_calls as (

    select
        source_id,
        part_id,
        message_id,
        session_id,
        status,
        exit_code,
        coalesce(ended_at, started_at) as occurred_at
    from {{ changed(ref('tool_calls')) }}

),

messages as (

    select
        message_id,
        working_directory
    from {{ changed(ref('messages')) }}

),

sessions as (

    select
        session_id,
        machine,
        directory
    from {{ ref('sessions') }}

),

called as (

    select
        commands.*,
        tool_calls.message_id,
        sessions.machine,
        tool_calls.status,
        tool_calls.exit_code,
        tool_calls.occurred_at,
        coalesce(commands.directory_argument, messages.working_directory, sessions.directory)
            as call_directory
    from commands
    -- the document of the store that counts
    inner join tool_calls
        on
            commands.source_id = tool_calls.source_id
            and commands.part_id = tool_calls.part_id
    left join messages
        on tool_calls.message_id = messages.message_id
    left join sessions
        on tool_calls.session_id = sessions.session_id

),

located as (

    select
        source_id,
        part_id,
        message_id,
        session_id,
        machine,
        command_index,
        n_commands,
        n_moves,
        is_captured,
        git_command,
        arguments,
        created_branch,
        first_word,
        second_word,
        has_paths,
        is_quiet,
        is_detaching,
        is_certain_by_exit and coalesce(exit_code = 0, false) as is_certain,
        status != 'success' and n_commands = 1 as is_certain_failure,
        case
            when has_other_tree then null
            when directory_option is not null and n_moves = 0
                then {{ joined_path('call_directory', 'directory_option') }}
            when directory_option like '/%'
                then {{ joined_path('call_directory', 'directory_option') }}
            when directory_option is not null then null
            when n_moves = 0 then call_directory
            when n_moves = 1 or moved_to like '/%'
                then {{ joined_path('call_directory', 'moved_to') }}
        end as directory,
        occurred_at
    from called

)

select * from located
