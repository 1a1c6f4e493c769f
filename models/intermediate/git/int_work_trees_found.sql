with

sources as (

    select
        source_id,
        machine
    from {{ ref('stg_opencode__sources') }}

),

projects as (

    select
        source_id,
        worktree,
        {{ json_array_items('sandboxes_json') }} as sandbox_list
    from {{ ref('stg_opencode__projects') }}

),

messages as (

    select
        source_id,
        root_path
    from {{ ref('messages') }}

),

events as (

    select
        machine,
        directory,
        event_type
    from {{ ref('int_git_events_derived') }}
    where is_successful and directory is not null

),

-- OpenCode names the root of the work tree beside a message; `/` stands for a place without git.
known as (

    select
        sources.machine,
        messages.root_path as work_tree
    from messages
    inner join sources
        on messages.source_id = sources.source_id
    where messages.root_path != '/'

    union distinct

    select
        sources.machine,
        projects.worktree as work_tree
    from projects
    inner join sources
        on projects.source_id = sources.source_id
    where projects.worktree != '/'

    union distinct

    select
        sources.machine,
        {{ regex_extract('sandboxes.item', '^"?([^"]+)"?$') }} as work_tree
    from projects
    inner join sources
        on projects.source_id = sources.source_id
    {{ array_rows('projects.sandbox_list', 'sandboxes') }}

),

-- Another repository that a command went to: nobody says where its root is.
visited as (

    select distinct
        events.machine,
        events.directory as work_tree
    from events
    left join known
        on
            events.machine = known.machine
            and (
                events.directory = known.work_tree
                or {{ is_below('events.directory', 'known.work_tree') }}
            )
    where known.machine is null

),

-- A work tree that was added within another is one of its own.
found as (

    select *
    from known
    where work_tree is not null

    union distinct

    select *
    from visited

    union distinct

    select
        machine,
        directory as work_tree
    from events
    where event_type = 'worktree'

)

select * from found
