{{ incremental_by_session() }}

with

calls as (

    -- a call may run git several times
    select distinct
        source_id,
        part_id,
        session_id
    from {{ changed('int_git_commands_parsed') }}

),

tool_calls as (

    select
        source_id,
        part_id,
        -- the middle of what fills a screen a hundred times is a listing, and holds no sentence
        {{ cut_text('tool_result', 16000, 16000) }} as tool_result
    from {{ changed('tool_calls') }}

),

lines as (

    select
        calls.source_id,
        calls.part_id,
        calls.session_id,
        lines.item_index as line_index,
        -- git's sentences are short; what else a command prints may be all in one line
        left(lines.item, 400) as line
    from calls
    inner join tool_calls
        on
            calls.source_id = tool_calls.source_id
            and calls.part_id = tool_calls.part_id
    {{ array_rows(
        split_text('replace(tool_calls.tool_result, chr(13), chr(10))', 'chr(10)'), 'lines'
    ) }}

),

-- Notes that OpenCode adds are no output.
printed as (

    select
        *,
        row_number() over (
            partition by source_id, part_id
            order by line_index
        ) as line_number,
        count(*) over (partition by source_id, part_id) as n_lines
    from lines
    where
        trim(line) != ''
        and not {{ regex_match(
            'line', '^(Command exited with code [0-9]+[.]|[(]no output[)]|</?bash_)'
        ) }}

),

-- Git's own sentences, and what stands in them.
told as (

    select
        *,
        case
            when {{ regex_match('line', "^(Switched to |Reset branch '')") }} then 'switched'
            when {{ regex_match('line', "^Already on ''") }} then 'stayed'
            when {{ regex_match('line', '^HEAD is now at [0-9a-f]{7,40}') }} then 'moved'
            when {{ regex_match('line', "^Note: switching to ''") }} then 'detaching'
            when {{ regex_match('line', '^[[][^]]+ [0-9a-f]{7,40}[]] ') }} then 'committed'
            when {{ regex_match('line', '^(On branch |HEAD detached (at|from) |## )') }}
                then 'status'
            when {{ regex_match(
                'line', '^[*] ([^ ]+$|[^ (]+ +[0-9a-f]{7,40} |[(]HEAD detached |[(]no branch)'
            ) }} then 'listed'
            when {{ regex_match('line', '^Updating [0-9a-f]{7,40}[.][.][0-9a-f]{7,40}') }}
                then 'updated'
            when {{ regex_match('line', '^Merge made by ') }} then 'merged'
            when {{ regex_match('line', '^Already up.to.date') }} then 'unchanged'
            when {{ regex_match('line', '^(CONFLICT |Automatic merge failed)') }} then 'conflict'
            when {{ regex_match('line', 'Successfully rebased and updated refs/heads/') }}
                then 'rebased'
            when {{ regex_match('line', "^Preparing worktree [(]") }} then 'worktree'
            when {{ regex_match('line', '^commit [0-9a-f]{40}') }} then 'logged'
            when {{ regex_match('line', '^[0-9a-f]{7,40} [(]?[^ ]') }} then 'logged'
            when {{ regex_match('line', '^ [ +*=-] .* -> ') }} then 'pushed'
            when {{ regex_match('line', '^Everything up-to-date') }} then 'pushed'
        end as sentence,
        coalesce(
            {{ regex_extract(
                'line',
                "^(?:Switched to [a-z ]*branch|Reset branch|Already on) ''([^'']+)''"
            ) }},
            nullif(
                {{ regex_extract(
                    'line', '^[[]([^]]+?)(?: [(]root-commit[)])? [0-9a-f]{7,40}[]] '
                ) }},
                'detached HEAD'
            ),
            {{ regex_extract('line', '^On branch ([^ ]+)') }},
            {{ regex_extract('line', '^## (?:No commits yet on )?([^ (]+?)(?:[.][.][.].*)?$') }},
            {{ regex_extract('line', '^[*] ([^ (]+)') }},
            {{ regex_extract(
                'line',
                "^Preparing worktree [(](?:new branch |resetting branch |checking out )''([^'']+)''"
            ) }},
            {{ regex_extract('line', 'Successfully rebased and updated refs/heads/([^ .]+)') }},
            {{ regex_extract('line', '^(?:commit )?[0-9a-f]{7,40} [(]HEAD -> ([^,)]+)') }},
            {{ regex_extract('line', '^ [ +*=-] .* ([^ ]+) +-> ') }}
        ) as branch,
        coalesce(
            {{ regex_extract('line', '^HEAD is now at ([0-9a-f]{7,40})') }},
            {{ regex_extract('line', '^[[][^]]+ ([0-9a-f]{7,40})[]] ') }},
            {{ regex_extract('line', '^HEAD detached at ([0-9a-f]{7,40})$') }},
            {{ regex_extract('line', '^[*] [(]HEAD detached at ([0-9a-f]{7,40})[)]') }},
            {{ regex_extract('line', '^Updating [0-9a-f]{7,40}[.][.]([0-9a-f]{7,40})') }},
            {{ regex_extract('line', '^(?:commit )?([0-9a-f]{7,40})(?: |$)') }},
            {{ regex_extract('line', '^[*] [^ (]+ +([0-9a-f]{7,40}) ') }}
        ) as commit_sha,
        {{ regex_match(
            'line',
            '^([[]detached HEAD |HEAD detached |## HEAD [(]no|[*] [(](HEAD detached|no branch))'
        ) }} as is_detached
    from printed

),

numbered as (

    select
        source_id,
        part_id,
        session_id,
        line_number,
        n_lines,
        sentence,
        branch,
        commit_sha,
        is_detached,
        -- a line that is one word may be the answer to a question for a name
        {{ regex_extract('line', '^([^ ]+)$') }} as only_word,
        row_number() over (
            partition by source_id, part_id, sentence
            order by line_number
        ) as sentence_number
    from told
    where sentence is not null or line_number = 1 or line_number = n_lines or n_lines <= 20

)

select * from numbered
