{{ incremental_by_session() }}

with

calls as (

    -- a call may run git several times
    select distinct
        source_id,
        part_id,
        session_id
    from {{ changed(ref('int_git_commands_parsed')) }}

),

tool_calls as (

    select
        source_id,
        part_id,
        tool_result
    from {{ changed(ref('tool_calls')) }}

),

outputs as (

    select
        calls.source_id,
        calls.part_id,
        calls.session_id,
        -- the middle of what fills a screen a hundred times is a listing, and holds no sentence
        {{ split_text(
            'replace(' ~ cut_text('tool_calls.tool_result', 16000, 16000) ~ ', chr(13), chr(10))',
            'chr(10)'
        ) }} as line_list
    from calls
    inner join tool_calls
        on
            calls.source_id = tool_calls.source_id
            and calls.part_id = tool_calls.part_id

),

lines as (

    select
        outputs.source_id,
        outputs.part_id,
        outputs.session_id,
        lines.item_index as line_index,
        -- git's sentences are short; what else a command prints may be all in one line
        left(lines.item, 400) as line
    from outputs
    {{ array_rows('outputs.line_list', 'lines') }}

),

-- One pattern leaves few of many lines to be looked at closely.
candidates as (

    select
        lines.source_id,
        lines.part_id,
        lines.session_id,
        lines.line_index,
        lines.line as printed_line,
        case
            when {{ regex_match(
                'lines.line',
                '^(Switched to |Reset branch |Already |HEAD |Note: |[[]|On branch |## |[*] |Updating '
                ~ '|Merge made by |CONFLICT |Automatic merge |Preparing worktree |Everything up-to-date'
                ~ '|commit [0-9a-f]|[0-9a-f]{7}| [ +*=-] )|Successfully rebased and updated refs/heads/'
            ) }} then lines.line
        end as line
    from lines
    -- notes that OpenCode adds are no output
    where
        trim(lines.line) != ''
        and not {{ regex_match(
            'lines.line', '^(Command exited with code [0-9]+[.]|[(]no output[)]|</?bash_)'
        ) }}

),

-- Git's own sentences, and what stands in them.
told as (

    select
        source_id,
        part_id,
        session_id,
        line_index,
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
        coalesce({{ regex_match(
            'line',
            '^([[]detached HEAD |HEAD detached |## HEAD [(]no|[*] [(](HEAD detached|no branch))'
        ) }}, false) as is_detached,
        -- a line that is one word may be the answer to a question for a name
        case when printed_line not like '% %' then printed_line end as only_word
    from candidates

),

-- Numbered when the lines themselves are gone: what is numbered is held in memory.
printed as (

    select
        *,
        row_number() over (
            partition by source_id, part_id
            order by line_index
        ) as line_number,
        count(*) over (partition by source_id, part_id) as n_lines
    from told

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
        only_word,
        row_number() over (
            partition by source_id, part_id, sentence
            order by line_number
        ) as sentence_number
    from printed
    where sentence is not null or line_number = 1 or line_number = n_lines or n_lines <= 20

)

select * from numbered
