{#- A view: as a table it would hold what users wrote once more. -#}
{{ config(materialized='view') }}

with

user_messages as (

    select message_id
    from {{ ref('messages') }}
    where role = 'user'

),

-- Without the texts that OpenCode adds, of attached files for one.
texts as (

    select
        message_id,
        {{ concat_texts('content', 'sequence_number') }} as prompt
    from {{ ref('text_messages') }}
    where role = 'user' and not is_orphan and not is_synthetic and not is_ignored
    group by message_id

),

subtasks as (

    select
        message_id,
        max(subtask_prompt) as prompt
    from {{ ref('requested_agents') }}
    where request_type = 'subtask'
    group by message_id

),

written as (

    select
        user_messages.message_id,
        coalesce(texts.prompt, subtasks.prompt) as prompt
    from user_messages
    left join texts
        on user_messages.message_id = texts.message_id
    left join subtasks
        on user_messages.message_id = subtasks.message_id

)

select * from written
