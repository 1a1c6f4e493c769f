{{ incremental_by_session() }}

with

commands as (

    select
        *,
        case
            when git_command in ('commit', 'cherry-pick', 'revert', 'am') then 'committed'
            when git_command = 'status' then 'status'
            when git_command = 'worktree' then 'worktree'
        end as sentence_kind,
        case
            when is_captured then null
            when git_command = 'rev-parse' and arguments = '--abbrev-ref HEAD ' then 'branch'
            when
                git_command = 'symbolic-ref'
                and {{ regex_match('arguments', '^(-q |--short )*HEAD $') }}
                then 'branch'
            when git_command = 'branch' and arguments = '--show-current ' then 'branch'
            when
                git_command = 'rev-parse'
                and {{ regex_match('arguments', '^(--short(=[0-9]+)? |--verify )*HEAD $') }}
                then 'commit'
        end as question
    from {{ changed(ref('int_git_commands_located')) }}

),

outputs as (

    select *
    from {{ changed(ref('int_git_outputs_read')) }}

),

counted as (

    select
        *,
        -- a variable or `-` names no branch
        case
            when not {{ regex_match(
                'coalesce(created_branch, first_word)', '[$]|^-$|^_quoted_$'
            ) }}
                then coalesce(created_branch, first_word)
        end as asked_branch,
        row_number() over (
            partition by source_id, part_id, sentence_kind
            order by command_index
        ) as kind_number,
        sum(case when question is not null then 1 else 0 end) over (
            partition by source_id, part_id
            order by command_index
        ) as question_number,
        sum(case when question is not null then 1 else 0 end) over (
            partition by source_id, part_id
        ) as n_questions,
        max(n_moves) over (partition by source_id, part_id) as n_moves_of_call
    from commands

),

-- The sentence of git that belongs to a command: by the name of the branch where it has one, else
-- in the order of both. The answer to a question for a name is its line where nothing else was
-- printed, or the first or last line for the first or last command.
sentences as (

    select
        counted.source_id,
        counted.part_id,
        counted.command_index,
        outputs.sentence,
        outputs.branch as told_branch,
        outputs.commit_sha as told_commit,
        outputs.is_detached as is_told_detached,
        outputs.only_word,
        row_number() over (
            partition by counted.source_id, counted.part_id, counted.command_index
            order by outputs.line_number
        ) as fit
    from counted
    inner join outputs
        on
            counted.source_id = outputs.source_id
            and counted.part_id = outputs.part_id
    where
        (
            counted.git_command in ('checkout', 'switch')
            and outputs.sentence in ('switched', 'stayed')
            and (
                counted.asked_branch is null
                or counted.asked_branch = outputs.branch
            )
        )
        or (
            counted.git_command in ('checkout', 'switch')
            and outputs.sentence = 'moved'
            and counted.created_branch is null
            and not counted.has_paths
        )
        or (
            counted.sentence_kind = outputs.sentence
            and counted.kind_number = outputs.sentence_number
        )
        or (
            counted.git_command in ('merge', 'pull')
            and outputs.sentence in ('updated', 'merged', 'unchanged', 'conflict')
        )
        or (counted.git_command in ('rebase', 'pull') and outputs.sentence = 'rebased')
        or (counted.git_command = 'reset' and outputs.sentence = 'moved')
        or (counted.git_command = 'push' and outputs.sentence = 'pushed')
        or (
            counted.git_command = 'branch'
            and counted.question is null
            and outputs.sentence = 'listed'
        )
        or (
            counted.git_command = 'log'
            and outputs.sentence = 'logged'
            and not counted.has_paths
            and coalesce({{ regex_match('counted.first_word', '^[0-9]+$') }}, true)
            and not {{ regex_match(
                'counted.arguments',
                '(^| )(-[gGSL]|--(all|author|committer|grep|since|until|after|before|reverse'
                ~ '|skip|merges|no-merges|branches|tags|remotes|follow|walk-reflogs|cherry))'
            ) }}
        )
        or (
            outputs.only_word is not null
            and (
                (
                    counted.question = 'commit'
                    and {{ regex_match('outputs.only_word', '^[0-9a-f]{4,40}$') }}
                )
                or (
                    counted.question = 'branch'
                    and {{ regex_match('outputs.only_word', '^[^:]+$') }}
                )
            )
            and case
                when
                    counted.n_questions = counted.n_commands - counted.n_moves_of_call
                    and counted.n_questions = outputs.n_lines
                    then counted.question_number = outputs.line_number
                when counted.command_index = counted.n_commands - 1
                    then counted.is_certain and outputs.line_number = outputs.n_lines
                else
                    counted.command_index = counted.n_moves and outputs.line_number = 1
            end
        )

),

paired as (

    select
        counted.source_id,
        counted.part_id,
        counted.message_id,
        counted.session_id,
        counted.machine,
        counted.command_index,
        counted.git_command,
        counted.arguments,
        counted.created_branch,
        counted.first_word,
        counted.second_word,
        counted.question,
        counted.is_quiet,
        counted.has_paths,
        counted.is_detaching,
        counted.is_certain,
        counted.is_certain_failure,
        counted.directory,
        counted.occurred_at,
        sentences.sentence,
        sentences.told_branch,
        sentences.told_commit,
        coalesce(sentences.is_told_detached, false) as is_told_detached,
        sentences.only_word
    from counted
    left join sentences
        on
            counted.source_id = sentences.source_id
            and counted.part_id = sentences.part_id
            and counted.command_index = sentences.command_index
            and sentences.fit = 1

)

select * from paired
