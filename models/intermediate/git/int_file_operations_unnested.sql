{{ incremental_by_session() }}

{%- set args = {
    'file_path': 'filePath',
    'path': 'path',
    'content': 'content'
} -%}
{%- set metadata = {
    'additions': 'filediff.additions',
    'deletions': 'filediff.deletions',
    'display_type': 'display.type',
    'diff': 'diff',
    'patch': 'filediff.patch',
    'files': 'files'
} -%}
{%- set file = {
    'file_path': 'filePath',
    'move_path': 'movePath',
    'change': 'type',
    'diff': 'diff',
    'patch': 'patch',
    'additions': 'additions',
    'deletions': 'deletions'
} -%}

with

tool_calls as (

    select
        source_id,
        part_id,
        session_id,
        tool_name,
        tool_args,
        metadata_json
    from {{ changed(ref('tool_calls')) }}
    where
        tool_name in (
            'read', 'write', 'edit', 'multiedit', 'patch', 'apply_patch', 'list', 'ls', 'glob'
        )

),

parsed as (

    select
        *,
        {{ json_fields('tool_args', args, is_field=true) }} as args,
        {{ json_fields('metadata_json', metadata, is_field=true) }} as metadata
    from tool_calls

),

listed as (

    select
        source_id,
        part_id,
        session_id,
        {{ json_array_items(json_field('metadata', metadata, 'files')) }} as file_list
    from parsed
    where tool_name in ('patch', 'apply_patch')

),

files as (

    select
        listed.source_id,
        listed.part_id,
        listed.session_id,
        items.item_index,
        {{ json_fields('items.item', file, is_field=true) }} as fields
    from listed
    {{ array_rows('listed.file_list', 'items') }}

),

unioned as (

    select
        source_id,
        part_id,
        session_id,
        cast(0 as bigint) as item_index,
        case
            when tool_name in ('read', 'list', 'ls', 'glob') then 'read'
            when tool_name = 'write' then 'write'
            else 'edit'
        end as operation,
        coalesce(
            {{ json_field('args', args, 'file_path') }}, {{ json_field('args', args, 'path') }}
        ) as file_path,
        cast(null as {{ dbt.type_string() }}) as moved_to_path,
        tool_name in ('list', 'ls', 'glob')
        or coalesce({{ json_field('metadata', metadata, 'display_type') }} = 'directory', false)
            as is_directory,
        case
            when tool_name = 'write'
                then {{ text_bytes(json_field('args', args, 'content')) }}
        end as file_size,
        {{ json_bigint(json_field('metadata', metadata, 'additions')) }} as additions,
        {{ json_bigint(json_field('metadata', metadata, 'deletions')) }} as deletions,
        coalesce(
            {{ json_field('metadata', metadata, 'patch') }},
            {{ json_field('metadata', metadata, 'diff') }}
        ) as whole_diff
    from parsed
    where tool_name not in ('patch', 'apply_patch')

    union all

    select
        source_id,
        part_id,
        session_id,
        item_index,
        case {{ json_field('fields', file, 'change') }}
            when 'add' then 'write'
            when 'delete' then 'delete'
            when 'move' then 'move'
            else 'edit'
        end as operation,
        {{ json_field('fields', file, 'file_path') }} as file_path,
        {{ json_field('fields', file, 'move_path') }} as moved_to_path,
        false as is_directory,
        cast(null as bigint) as file_size,
        {{ json_bigint(json_field('fields', file, 'additions')) }} as additions,
        {{ json_bigint(json_field('fields', file, 'deletions')) }} as deletions,
        coalesce(
            {{ json_field('fields', file, 'patch') }}, {{ json_field('fields', file, 'diff') }}
        ) as whole_diff
    from files

),

-- A pattern that is looked for everywhere names no directory, a call with broken arguments no file.
located as (

    select
        source_id,
        part_id,
        session_id,
        item_index,
        operation,
        file_path,
        moved_to_path,
        is_directory,
        file_size,
        additions,
        deletions,
        {{ left_bytes('whole_diff', 1024) }} as git_diff
    from unioned
    where file_path is not null

)

select * from located
