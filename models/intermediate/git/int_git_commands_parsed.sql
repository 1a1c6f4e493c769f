{{ incremental_by_session() }}

with

commands as (

    select
        source_id,
        part_id,
        session_id,
        directory_argument,
        command_index,
        joined_by,
        command,
        is_conditional,
        is_captured,
        {{ regex_match('command', '^(?:cd|pushd)( |$)') }} as is_move
    from {{ changed(ref('int_shell_commands_split')) }}

),

-- What came before and comes after a command. A change of directory holds for what follows.
placed as (

    select
        *,
        sum(case when is_move then 1 else 0 end) over (
            partition by source_id, part_id order by command_index
        ) as n_moves,
        count(*) over (partition by source_id, part_id) as n_commands,
        max(case when joined_by = '∨' then 1 else 0 end) over (
            partition by source_id, part_id
        ) as has_alternatives,
        -- the last command that runs whether or not the one before it succeeds, or reads its output
        max(case when coalesce(joined_by, ';') != '∧' then command_index else 0 end) over (
            partition by source_id, part_id
        ) as last_break_index
    from commands

),

moves as (

    select
        source_id,
        part_id,
        n_moves,
        {{ regex_extract('command', '^(?:cd|pushd) +(?:-- +)?([^ ]+)$') }} as path
    from placed
    where is_move

),

git_commands as (

    select
        placed.source_id,
        placed.part_id,
        placed.session_id,
        placed.directory_argument,
        placed.command_index,
        placed.n_moves,
        placed.n_commands,
        placed.is_captured,
        moves.path as moved_to,
        placed.has_alternatives = 0
        and not placed.is_conditional
        and placed.command_index >= placed.last_break_index as is_certain_by_exit,
        {{ regex_replace('placed.command', '^(?:[^ ]*/)?git +', '') }} as words
    from placed
    -- the last change of directory before it
    left join moves
        on
            placed.source_id = moves.source_id
            and placed.part_id = moves.part_id
            and placed.n_moves = moves.n_moves
    where {{ regex_match('placed.command', '^(?:[^ ]*/)?git +[^ ]') }}

),

-- Options of git itself stand before the name of the command.
named as (

    select
        *,
        {{ regex_extract(
            'words', '^(?:-c +[^ ]+ +|-[pP] +|--[a-z-]+(?:=[^ ]+)? +)*-C +([^ ]+)'
        ) }} as directory_option,
        {{ regex_match('words', '^(?:-[cC] +[^ ]+ +|-[pP] +)*--(?:git-dir|work-tree)') }}
            as has_other_tree,
        {{ regex_replace(
            "words || ' '", '^(?:-[cC] +[^ ]+ +|-[pP] +|--[a-z-]+(?:=[^ ]+)? +)+', ''
        ) }} as action
    from git_commands

),

argued as (

    select
        *,
        {{ regex_extract('action', '^([a-z-]+) ') }} as git_command,
        {{ regex_replace('action', '^[a-z-]+ +', '') }} as arguments
    from named

),

detailed as (

    select
        source_id,
        part_id,
        session_id,
        command_index,
        n_commands,
        n_moves,
        is_captured,
        is_certain_by_exit,
        directory_argument,
        directory_option,
        moved_to,
        has_other_tree,
        git_command,
        arguments,
        -- the name after an option that makes a branch
        case
            when git_command in ('checkout', 'switch')
                then {{ regex_extract(
                    'arguments',
                    '(?:^| )(?:-[a-zA-Z]*[bBcC]|--create|--force-create|--orphan)[ =]+([^ ]+)'
                ) }}
        end as created_branch,
        {{ regex_extract('arguments', '^(?:-[^ ]+ +)*([^ -][^ ]*|-) ') }} as first_word,
        {{ regex_extract('arguments', '^(?:-[^ ]+ +)*[^ -][^ ]* +(?:-[^ ]+ +)*([^ -][^ ]*) ') }}
            as second_word,
        {{ regex_match('arguments', '(^| )--( |$)') }} as has_paths,
        {{ regex_match('arguments', '(^| )(-[a-zA-Z]*q[a-zA-Z]*|--quiet) ') }} as is_quiet,
        {{ regex_match('arguments', '(^| )(--detach|-d) ') }} as is_detaching
    from argued

)

select * from detailed
