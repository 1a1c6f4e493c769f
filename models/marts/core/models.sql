with

messages as (

    select
        model_id,
        provider_id,
        created_at
    from {{ ref('messages') }}
    where model_id is not null

),

vendors as (

    select
        model_name,
        vendor
    from {{ ref('int_model_vendors_matched') }}

),

used as (

    select
        model_id,
        -- two providers whose names hold a slash may share an id
        min(provider_id) as provider_id,
        coalesce({{ regex_extract('model_id', '([^/]+)$') }}, model_id) as model_name,
        min({{ within_history('created_at') }}) as first_used_at,
        max({{ within_history('created_at') }}) as last_used_at
    from messages
    group by model_id

),

described as (

    select
        -- ids
        used.model_id,
        used.provider_id,

        -- strings
        used.model_name,
        vendors.vendor,

        -- timestamps
        used.first_used_at,
        used.last_used_at
    from used
    left join vendors
        on substr(used.model_id, length(used.provider_id) + 2) = vendors.model_name

)

select * from described
