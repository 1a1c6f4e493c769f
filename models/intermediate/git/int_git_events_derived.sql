{{ incremental_by_session() }}

with

commands as (

    select
        *,
        case
            when sentence = 'conflict' then false
            when sentence is not null or only_word is not null then true
            when is_certain_failure then false
            when is_certain then true
        end as is_successful,
        case
            when sentence is not null or only_word is not null then 'output'
            when is_certain or is_certain_failure then 'exit code'
        end as evidence
    from {{ changed(ref('int_git_commands_paired')) }}

),

-- A checkout without a sentence of git's may as well be one of files: only a quiet one counts then.
typed as (

    select
        *,
        case
            when git_command = 'switch' then 'switch'
            when git_command = 'checkout' and created_branch is not null then 'switch'
            when git_command = 'checkout' and sentence in ('switched', 'stayed', 'moved')
                then 'switch'
            when
                git_command = 'checkout'
                and first_word is not null
                and second_word is null
                and not has_paths
                and (is_quiet or is_detaching or not coalesce(is_successful, true))
                then 'switch'
            when git_command in ('cherry-pick', 'revert', 'am', 'commit') then 'commit'
            when git_command in ('merge', 'pull', 'rebase', 'reset', 'push') then git_command
            when git_command = 'worktree' and arguments like 'add %' then 'worktree'
            when git_command = 'branch' and {{ regex_match('arguments', '(^| )(-[mM]|--move) ') }}
                then 'rename'
            when git_command in ('status', 'log', 'branch') and sentence is not null then 'look'
            when question is not null and only_word is not null then 'look'
        end as event_type
    from commands

),

named as (

    select
        *,
        case
            when event_type = 'switch' and sentence is null
                then coalesce(created_branch, nullif(first_word, '-'))
        end as asked_branch,
        case
            when event_type = 'worktree'
                then {{ regex_extract(
                    'arguments', '^add +(?:-[bB] +[^ ]+ +|-[^ ]+ +)*([^ -][^ ]*) '
                ) }}
        end as added_path,
        case when event_type = 'push' then first_word end as remote
    from typed
    where event_type is not null

),

-- What is told of branch and commit. A value that is told and null is one that is no longer known.
told as (

    select
        *,
        case
            when not coalesce(is_successful, false) then false
            when event_type in ('switch', 'rename') then true
            when event_type in ('commit', 'look', 'worktree', 'rebase', 'pull')
                then
                    told_branch is not null
                    or is_told_detached
                    or coalesce(question = 'branch', false)
            else false
        end as is_branch_told,
        case
            when not coalesce(is_successful, false) then false
            when told_commit is not null or question = 'commit' then true
            when sentence in ('stayed', 'unchanged') then false
            when event_type = 'switch' then created_branch is null or second_word is not null
            when event_type = 'reset'
                then coalesce(first_word, 'HEAD') != 'HEAD' and not has_paths
            else event_type in ('commit', 'merge', 'pull', 'rebase', 'worktree')
        end as is_commit_told,
        coalesce(
            sentence = 'moved' and event_type = 'switch'
            or is_told_detached
            or (event_type = 'switch' and sentence is null and is_detaching)
            or (event_type = 'switch' and {{ regex_match('asked_branch', '^[0-9a-f]{7,40}$') }})
            or (question = 'branch' and only_word = 'HEAD'),
            false
        ) as is_detached
    from named

),

valued as (

    select
        part_id || ':' || cast(command_index as {{ dbt.type_string() }}) as git_event_id,
        source_id,
        part_id,
        message_id,
        session_id,
        machine,
        case
            when event_type = 'worktree' then {{ joined_path('directory', 'added_path') }}
            else directory
        end as directory,
        event_type,
        git_command,
        evidence,
        remote,
        case
            when not is_branch_told and event_type != 'push' then null
            when is_detached then null
            when told_branch is not null
                then nullif({{ regex_replace('told_branch', '^refs/heads/', '') }}, 'HEAD')
            when question = 'branch'
                then {{ regex_replace('only_word', '^refs/heads/', '') }}
            -- a name of another kind may be a tag, or what only a variable knows
            when
                event_type = 'switch'
                and {{ regex_match('asked_branch', '^[A-Za-z_][A-Za-z0-9_./-]*$') }}
                then nullif(nullif(asked_branch, 'HEAD'), '_quoted_')
            when event_type = 'rename' and second_word is null then first_word
        end as branch,
        case
            when not is_commit_told then null
            when question = 'commit' then only_word
            when told_commit is not null then told_commit
            when is_detached and {{ regex_match('asked_branch', '^[0-9a-f]{7,40}$') }}
                then asked_branch
        end as commit_sha,
        is_branch_told,
        is_commit_told,
        is_detached,
        is_successful,
        occurred_at,
        command_index
    from told

)

select * from valued
