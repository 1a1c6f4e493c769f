with

todos as (

    select *
    from {{ ref('int_todos_unnested') }}

),

sessions as (

    select session_id
    from {{ ref('sessions') }}

),

described as (

    select
        -- ids
        coalesce(todos.part_id, todos.session_id)
        || ':' || cast(todos.position as {{ dbt.type_string() }}) as todo_id,
        todos.session_id as source_session_id,
        -- the list outlives its session, which OpenCode may have deleted
        sessions.session_id,
        todos.part_id,

        -- strings
        todos.content,
        todos.status,
        todos.priority,

        -- numbers
        todos.position,

        -- booleans
        todos.is_current,

        -- timestamps
        todos.listed_at,

        -- lineage
        todos.source_id,
        todos.load_batch_id,
        todos.deleted_at
    from todos
    left join sessions
        on todos.session_id = sessions.session_id

)

select * from described
