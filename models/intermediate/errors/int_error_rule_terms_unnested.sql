with

error_rules as (

    select *
    from {{ ref('error_rules') }}

),

-- A rule without terms is tried on every error: the empty text is in every text.
listed as (

    select
        *,
        {{ split_text("coalesce(terms, '')", "'|'") }} as term_list
    from error_rules

),

unnested as (

    select
        listed.rule_id,
        listed.priority,
        listed.applies_to,
        listed.error_name,
        listed.status_codes,
        listed.exit_codes,
        listed.pattern,
        listed.unless_pattern,
        terms.item as term
    from listed
    {{ array_rows('listed.term_list', 'terms') }}

)

select * from unnested
