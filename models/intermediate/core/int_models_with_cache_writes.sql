with

messages as (

    select
        provider_id,
        model_name,
        tokens_cache_write_recorded
    from {{ ref('int_messages_timed') }}

),

-- Only interfaces like Anthropic's bill cache writes.
found as (

    select distinct
        provider_id,
        model_name
    from messages
    where tokens_cache_write_recorded > 0 and provider_id is not null and model_name is not null

)

select * from found
