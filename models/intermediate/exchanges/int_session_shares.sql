with

sessions as (

    select
        session_id,
        coalesce(sum(prompt_input_bytes), 0) + coalesce(sum(prompt_output_bytes), 0) as text_bytes
    from {{ ref('int_exchanges_described') }}
    group by session_id

),

-- A hundred megabytes each, in the order in which sessions lie on the disk.
shared as (

    select
        session_id,
        cast(
            floor(
                (sum(text_bytes) over (order by session_id) - text_bytes) / 100000000
            ) as bigint
        ) as share
    from sessions

)

select * from shared
