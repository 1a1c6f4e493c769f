with

-- Distinct: a model is served by many, and used by messages without end.
named as (

    select model_name
    from {{ ref('model_pricing') }}

    union distinct

    select substr(model_id, length(provider_id) + 2) as model_name
    from {{ ref('messages') }}
    where model_id is not null

),

-- `us.meta.llama3-3` has the parts /us, meta, llama3 and 3; a slash is kept where a name begins.
split as (

    select
        model_name,
        {{ split_by_regex("replace('/' || lower(model_name), '/', '-/')", '[^a-z0-9/]+') }} as parts
    from named

),

parts as (

    select
        split.model_name,
        parts.item_index as part_number,
        parts.item as part,
        replace(parts.item, '/', '') as bare_part
    from split
    {{ array_rows('split.parts', 'parts') }}

),

-- As it stands, and without the version that follows its letters.
spelled as (
    {% for spelling in [
        'bare_part', regex_extract('bare_part', '^([a-z]+)'),
        'part', regex_extract('part', '^(/[a-z]+)')
    ] %}
        select
            model_name,
            part_number,
            {{ spelling }} as name_part
        from parts
        {{ 'union all' if not loop.last }}
    {% endfor %}

),

vendors as (

    select
        name_part,
        vendor,
        match_rank
    from {{ ref('model_vendors') }}

),

-- A name says more than an organization before it, which may only serve the model; of two names
-- the first counts: a DeepSeek that was distilled into a Llama is DeepSeek's.
ranked as (

    select
        spelled.model_name,
        vendors.vendor,
        row_number() over (
            partition by spelled.model_name
            order by
                vendors.match_rank asc,
                spelled.part_number asc,
                length(vendors.name_part) desc,
                vendors.name_part asc
        ) as fit
    from spelled
    inner join vendors
        on spelled.name_part = vendors.name_part

),

matched as (

    select
        named.model_name,
        ranked.vendor
    from named
    left join ranked
        on named.model_name = ranked.model_name and ranked.fit = 1

)

select * from matched
