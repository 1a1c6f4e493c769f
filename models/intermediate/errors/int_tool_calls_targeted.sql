{{ incremental_by_session() }}

{%- set paths = {
    'file_path': 'filePath',
    'path': 'path',
    'snake_path': 'file_path',
    'url': 'url',
    'command': 'command',
    'program': '_program',
    'pattern': 'pattern',
    'query': 'query',
    'agent': 'subagent_type',
    'name': 'name',
    'patch': 'patchText',
    'wrong_tool': 'tool'
} -%}

with

tool_calls as (

    select
        part_id,
        session_id,
        tool_name,
        tool_family,
        tool_args,
        {{ json_fields('tool_args', paths, is_field=true) }} as fields
    from {{ changed(ref('tool_calls')) }}

),

extracted as (

    select
        part_id,
        session_id,
        tool_name,
        tool_family,
        {{ json_field('fields', paths, 'command') }} as command,
        {{ json_field('fields', paths, 'program') }} as kept_program,
        coalesce(
            {{ json_field('fields', paths, 'file_path') }},
            {{ json_field('fields', paths, 'snake_path') }},
            -- a patch is told by the first file that has to be there
            {{ regex_extract(
                json_field('fields', paths, 'patch'), '(?:Update|Delete) File: ([^\n]+)'
            ) }},
            {{ regex_extract(json_field('fields', paths, 'patch'), 'Add File: ([^\n]+)') }},
            {{ json_field('fields', paths, 'url') }},
            {{ json_field('fields', paths, 'pattern') }},
            {{ json_field('fields', paths, 'query') }},
            {{ json_field('fields', paths, 'agent') }},
            {{ json_field('fields', paths, 'name') }},
            {{ json_field('fields', paths, 'path') }}
        ) as argument,
        -- OpenCode calls `invalid` in place of a tool that is not there, or whose arguments are no
        -- JSON
        case
            when tool_name = 'invalid' then {{ json_field('fields', paths, 'wrong_tool') }}
        end as wanted_tool,
        md5(coalesce(cast(tool_args as {{ dbt.type_string() }}), '')) as arguments_hash
    from tool_calls

),

-- A command is told by its program and first word, as `git push` or `python -m pytest`: its further
-- arguments are what one changes to mend it. A change of directory, variables and sudo come before
-- the program.
programmed as (

    select
        part_id,
        session_id,
        coalesce(wanted_tool, tool_name) as wanted_tool,
        arguments_hash,
        case
            -- what retention leaves of a command is this
            when tool_family = 'shell' and kept_program is not null
                then nullif(kept_program, '')
            when tool_family = 'shell' and command is not null
                then {{ regex_extract(
                    'command',
                    '^\s*(?:cd [^&;|]+(?:&&|;)\s*)?(?:[A-Za-z_][A-Za-z0-9_]*=[^ ]* +)*(?:sudo +)?([^\s;|&]+(?: +-m +[^\s;|&]+)?(?: +[^\s;|&<>-][^\s;|&]*)?)'
                ) }}
        end as program,
        argument,
        tool_family
    from extracted

),

targeted as (

    select
        part_id,
        session_id,
        wanted_tool,
        program,
        case when tool_family = 'shell' then program else argument end as target,
        arguments_hash
    from programmed

)

select * from targeted
