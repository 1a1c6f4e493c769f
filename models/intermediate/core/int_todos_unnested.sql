{%- set todo = {
    'content': 'content',
    'status': 'status',
    'priority': 'priority'
} -%}
{%- set args = {'todos': 'todos'} -%}

with

sources as (

    select
        source_id,
        kind
    from {{ ref('stg_opencode__sources') }}

),

lists as (

    select
        source_id,
        session_id,
        todos_json,
        origin_modified_at,
        load_batch_id,
        deleted_at
    from {{ ref('stg_opencode__todos') }}

),

tool_calls as (

    select
        part_id,
        session_id,
        source_id,
        tool_args,
        started_at,
        load_batch_id,
        deleted_at
    from {{ ref('tool_calls') }}
    where tool_name = 'todowrite' and status = 'success' and not is_fork_copy and not is_orphan

),

-- Stores overlap: the list of a session may lie in a JSON tree and in a database.
ranked as (

    select
        lists.session_id,
        lists.todos_json,
        lists.origin_modified_at,
        lists.source_id,
        lists.load_batch_id,
        lists.deleted_at,
        row_number() over (
            partition by lists.session_id
            order by
                {{ store_preference('sources.kind') }} asc,
                lists.deleted_at is not null asc,
                lists.origin_modified_at desc nulls last,
                lists.source_id asc
        ) as store_rank
    from lists
    inner join sources
        on lists.source_id = sources.source_id

),

-- An export has no list beside its calls, and OpenCode may have deleted it: then the list that was
-- written last is the one in force.
written as (

    select
        tool_calls.*,
        listed.session_id is null
        and row_number() over (
            partition by tool_calls.session_id
            order by tool_calls.started_at desc nulls last, tool_calls.part_id desc
        ) = 1 as is_current,
        {{ json_fields('tool_calls.tool_args', args, is_field=true) }} as fields
    from tool_calls
    left join ranked as listed
        on tool_calls.session_id = listed.session_id and listed.store_rank = 1

),

versions as (

    select
        session_id,
        cast(null as {{ dbt.type_string() }}) as part_id,
        {{ json_array_items('todos_json') }} as items,
        true as is_current,
        origin_modified_at as listed_at,
        source_id,
        load_batch_id,
        deleted_at
    from ranked
    where store_rank = 1

    union all

    select
        session_id,
        part_id,
        {{ json_array_items(json_field('fields', args, 'todos')) }} as items,
        is_current,
        started_at as listed_at,
        source_id,
        load_batch_id,
        deleted_at
    from written

),

unnested as (

    select
        versions.session_id,
        versions.part_id,
        versions.is_current,
        versions.listed_at,
        versions.source_id,
        versions.load_batch_id,
        versions.deleted_at,
        todos.item_index as position,
        {{ json_fields('todos.item', todo, is_field=true) }} as fields
    from versions
    {{ array_rows('versions.items', 'todos') }}

),

described as (

    select
        session_id,
        part_id,
        {{ json_field('fields', todo, 'content') }} as content,
        {{ json_field('fields', todo, 'status') }} as status,
        {{ json_field('fields', todo, 'priority') }} as priority,
        position,
        is_current,
        listed_at,
        source_id,
        load_batch_id,
        deleted_at
    from unnested

)

select * from described
