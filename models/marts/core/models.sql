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
        model_name_prefix,
        vendor
    from {{ ref('model_vendors') }}

),

used as (

    select
        model_id,
        -- two providers whose names hold a slash may share an id
        min(provider_id) as provider_id,
        coalesce({{ regex_extract('model_id', '([^/]+)$') }}, model_id) as model_name,
        min(created_at) as first_used_at,
        max(created_at) as last_used_at
    from messages
    group by model_id

),

-- The longest prefix that fits says who made the model, whoever serves it.
matched as (

    select
        used.model_id,
        vendors.vendor,
        row_number() over (
            partition by used.model_id
            order by length(vendors.model_name_prefix) desc, vendors.model_name_prefix asc
        ) as fit
    from used
    inner join vendors
        on lower(used.model_name) like vendors.model_name_prefix || '%'

),

described as (

    select
        -- ids
        used.model_id,
        used.provider_id,

        -- strings
        used.model_name,
        matched.vendor,

        -- timestamps
        used.first_used_at,
        used.last_used_at
    from used
    left join matched
        on used.model_id = matched.model_id and matched.fit = 1

)

select * from described
