-- The focused tables together hold every part exactly once, each in the table that its type says. A
-- part of a type that is not known here stays in parts alone, and known_values names its type.
with

focused as (

    select
        part_id,
        'tool' as part_type
    from {{ ref('tool_calls') }}

    union all

    select
        part_id,
        'text' as part_type
    from {{ ref('text_messages') }}

    union all

    select
        part_id,
        'reasoning' as part_type
    from {{ ref('thinking_blocks') }}

    union all

    select
        part_id,
        event_type as part_type
    from {{ ref('step_events') }}

    union all

    select
        part_id,
        'patch' as part_type
    from {{ ref('patches') }}

    union all

    select
        part_id,
        'compaction' as part_type
    from {{ ref('compactions') }}

    union all

    select
        part_id,
        'file' as part_type
    from {{ ref('attachments') }}
    where not is_from_tool

    union all

    select
        part_id,
        request_type as part_type
    from {{ ref('requested_agents') }}

),

parts as (

    select
        part_id,
        part_type
    from {{ ref('parts') }}
    where
        part_type in (
            'tool', 'text', 'reasoning', 'step-start', 'step-finish', 'snapshot', 'retry',
            'patch', 'compaction', 'file', 'agent', 'subtask'
        )

),

sides as (

    select
        part_id,
        part_type,
        1 as n_parts,
        0 as n_focused
    from parts

    union all

    select
        part_id,
        part_type,
        0 as n_parts,
        1 as n_focused
    from focused

),

-- One row per part and type: how often either side has it.
compared as (

    select
        part_id,
        part_type,
        sum(n_parts) as n_parts,
        sum(n_focused) as n_focused
    from sides
    group by
        part_id,
        part_type

),

unbalanced as (

    select *
    from compared
    where n_parts != 1 or n_focused != 1

)

select * from unbalanced
