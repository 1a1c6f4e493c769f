{#- A view: as a table it would hold the texts of parts once more. -#}
{{ config(materialized='view') }}

with

timed as (

    select *
    from {{ ref('int_text_messages_timed') }}

),

parts as (

    select
        part_id,
        content
    from {{ ref('parts') }}
    where part_type = 'text'

),

filled as (

    select
        timed.part_id,
        timed.message_id,
        timed.session_id,
        timed.role,
        parts.content,
        timed.content_bytes,
        timed.clock_problem,
        timed.sequence_number,
        timed.token_count,
        timed.duration_ms,
        timed.is_synthetic,
        timed.is_ignored,
        timed.is_orphan,
        timed.is_fork_copy,
        timed.created_at,
        timed.source_id,
        timed.load_batch_id,
        timed.deleted_at
    from timed
    inner join parts
        on timed.part_id = parts.part_id

)

select * from filled
