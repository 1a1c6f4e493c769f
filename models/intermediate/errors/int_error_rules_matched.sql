{{ incremental_by_session() }}

with

errors as (

    select
        error_id,
        session_id,
        judged_hash,
        place,
        judged_name,
        status_code,
        exit_code,
        judged_text
    from {{ changed(ref('int_errors_prepared')) }}

),

terms as (

    select
        *,
        {{ split_text('applies_to', "'|'") }} as place_list
    from {{ ref('int_error_rule_terms_unnested') }}

),

-- Every text is judged once, however often it occurs.
texts as (

    select
        judged_hash,
        min(place) as place,
        min(judged_name) as judged_name,
        min(judged_text) as judged_text,
        coalesce(cast(min(status_code) as {{ dbt.type_string() }}), '') as status_code,
        coalesce(cast(min(exit_code) as {{ dbt.type_string() }}), '') as exit_code
    from errors
    group by judged_hash

),

-- A term for each place that its rule is for.
placed_terms as (

    select
        terms.rule_id,
        terms.priority,
        terms.error_name,
        terms.status_codes,
        terms.exit_codes,
        terms.pattern,
        terms.unless_pattern,
        terms.term,
        places.item as place
    from terms
    {{ array_rows('terms.place_list', 'places') }}

),

-- Cheap tests choose the pairs on which the patterns are tried: first the place, which spares four
-- of five, then a plain search, which takes a thousandth of the time of a regular expression that a
-- column holds.
found as (

    select
        texts.judged_hash,
        placed_terms.*
    from texts
    inner join placed_terms
        on
            texts.place = placed_terms.place
            and contains(texts.judged_text, placed_terms.term)
            and (placed_terms.error_name is null or texts.judged_name = placed_terms.error_name)

    union all

    select
        texts.judged_hash,
        placed_terms.*
    from texts
    inner join placed_terms
        on
            placed_terms.place = 'any'
            and contains(texts.judged_text, placed_terms.term)
            and (placed_terms.error_name is null or texts.judged_name = placed_terms.error_name)

),

candidates as (

    select
        judged_hash,
        rule_id,
        min(priority) as priority,
        min(status_codes) as status_codes,
        min(exit_codes) as exit_codes,
        min(pattern) as pattern,
        min(unless_pattern) as unless_pattern
    from found
    group by
        judged_hash,
        rule_id

),

fitting as (

    select
        candidates.judged_hash,
        candidates.rule_id,
        candidates.priority
    from candidates
    -- one row: a hash is unique there
    inner join texts
        on candidates.judged_hash = texts.judged_hash
    where
        (
            candidates.status_codes is null
            or {{ regex_match_column('texts.status_code', 'candidates.status_codes') }}
        )
        and (
            candidates.exit_codes is null
            or {{ regex_match_column('texts.exit_code', 'candidates.exit_codes') }}
        )
        and (
            candidates.pattern is null
            or {{ regex_match_column('texts.judged_text', 'candidates.pattern') }}
        )
        and (
            candidates.unless_pattern is null
            or not {{ regex_match_column('texts.judged_text', 'candidates.unless_pattern') }}
        )

),

-- One row per text: the rule that comes first.
first_fitting as (

    select
        judged_hash,
        min_by(rule_id, priority) as rule_id
    from fitting
    group by judged_hash

),

matched as (

    select
        errors.error_id,
        errors.session_id,
        first_fitting.rule_id
    from errors
    inner join first_fitting
        on errors.judged_hash = first_fitting.judged_hash

)

select * from matched
