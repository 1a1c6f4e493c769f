{{ incremental_by_session() }}

{%- set paths = {
    'command': 'command',
    'directory': 'workdir',
    'older_directory': 'cwd'
} -%}

with

tool_calls as (

    select
        source_id,
        part_id,
        session_id,
        {{ json_fields('tool_args', paths, is_field=true) }} as args
    from {{ changed(ref('tool_calls')) }}
    where tool_name in ('bash', 'shell') and tool_args like '%git%'

),

-- One line: ‹ and › stand for quotes, ␤ for a line's end, so that no pattern needs an escape.
flattened as (

    select
        source_id,
        part_id,
        session_id,
        coalesce(
            {{ json_field('args', paths, 'directory') }},
            {{ json_field('args', paths, 'older_directory') }}
        ) as directory_argument,
        replace(
            replace(
                replace(
                    replace(
                        replace({{ json_field('args', paths, 'command') }}, chr(13), ''),
                        chr(92) || chr(10), ' '
                    ),
                    chr(92) || '"', ''
                ),
                chr(9), ' '
            ),
            chr(10), '␤'
        ) as command
    from tool_calls

),

-- The text of a here-document and what is quoted is no command. A here-document ends with a line of
-- one word in capitals.
unworded as (

    select
        source_id,
        part_id,
        session_id,
        directory_argument,
        {{ regex_replace(
            regex_replace(
                'command',
                "<<-? *[''\"]?[A-Za-z_]+[''\"]?([^␤]*)␤(?:.*?␤)? *[A-Z][A-Z_]+ *(␤|$|[)])",
                '{1}{2}'
            ),
            "\"([^\"]*)\"|''([^'']*)''",
            '‹{1}{2}›'
        ) }} as command
    from flattened

),

unquoted as (

    select
        source_id,
        part_id,
        session_id,
        directory_argument,
        {{ regex_replace(
            regex_replace('command', '‹([^ ␤;&|<>()`$‹›]+)›', '{1}'),
            '‹[^›]*›', '_quoted_'
        ) }} as command
    from unworded

),

-- Where output goes is no command either. What joins two commands becomes the first sign of the
-- second: ∧ and, ∨ or, ¦ a pipe; all else is a line of its own.
joined as (

    select
        source_id,
        part_id,
        session_id,
        directory_argument,
        {{ regex_replace(
            "replace(replace(replace(" ~ regex_replace(
                'command', '[0-9]?>>? *&?[^ ␤;&|()]+|&>>? *[^ ␤;&|()]+|< *[^ ␤;&|()]*', ' '
            ) ~ ", '&&', '␤∧'), '||', '␤∨'), '|', '␤¦')",
            '[;()`&]', '␤'
        ) }} as command
    from unquoted

),

listed as (

    select
        *,
        {{ split_text('command', "'␤'") }} as piece_list
    from joined

),

split as (

    select
        listed.source_id,
        listed.part_id,
        listed.session_id,
        listed.directory_argument,
        pieces.item_index as piece_index,
        trim({{ regex_replace('pieces.item', '^ *[∧∨¦] *', '') }}) as piece,
        {{ regex_extract('pieces.item', '^ *([∧∨¦])') }} as joined_by
    from listed
    {{ array_rows('listed.piece_list', 'pieces') }}

),

-- Words before the command itself: who runs it, variables, shell syntax.
counted as (

    select
        source_id,
        part_id,
        session_id,
        directory_argument,
        row_number() over (
            partition by source_id, part_id
            order by piece_index
        ) - 1 as command_index,
        -- what goes into a variable is not printed
        coalesce(
            {{ regex_match(
                'lag(piece) over (partition by source_id, part_id order by piece_index)', '[$=]$'
            ) }},
            false
        ) as is_captured,
        joined_by,
        {{ regex_replace(
            'piece',
            '^(?:(?:sudo|env|command|time|nohup|exec|then|else|do|if|elif|while|until|!'
            ~ '|[A-Za-z_][A-Za-z0-9_]*=[^ ]*) +)+',
            ''
        ) }} as command,
        {{ regex_match('piece', '^(?:if|elif|while|until|then|else|do|for|case|!) ') }}
            as is_conditional
    from split
    where piece != '' and piece not like '#%'

)

select * from counted
