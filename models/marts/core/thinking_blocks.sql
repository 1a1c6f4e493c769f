{#- A view: as a table it would hold the texts of parts once more. -#}
{{ config(materialized='view') }}

with

timed as (

    select *
    from {{ ref('int_thinking_blocks_timed') }}

),

parts as (

    select
        part_id,
        content
    from {{ ref('parts') }}
    where part_type = 'reasoning'

),

filled as (

    select
        timed.thinking_id,
        timed.part_id,
        timed.message_id,
        timed.session_id,
        parts.content,
        timed.content_bytes,
        timed.thinking_tokens,
        timed.thinking_time_ms,
        timed.is_orphan,
        timed.is_fork_copy,
        timed.started_at,
        timed.ended_at,
        timed.source_id,
        timed.load_batch_id,
        timed.deleted_at
    from timed
    inner join parts
        on timed.part_id = parts.part_id

)

select * from filled
