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
    from {{ changed('int_errors_prepared') }}

),

terms as (

    select *
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

-- Cheap tests choose the pairs on which the patterns are tried: a plain search takes a thousandth
-- of the time of a regular expression that a column holds.
candidates as (

    select
        texts.judged_hash,
        terms.rule_id,
        min(terms.priority) as priority,
        min(terms.status_codes) as status_codes,
        min(terms.exit_codes) as exit_codes,
        min(terms.pattern) as pattern,
        min(terms.unless_pattern) as unless_pattern
    from texts
    inner join terms
        on
            contains(texts.judged_text, terms.term)
            and (
                terms.applies_to = 'any'
                or contains('|' || terms.applies_to || '|', '|' || texts.place || '|')
            )
            and (terms.error_name is null or texts.judged_name = terms.error_name)
    group by
        texts.judged_hash,
        terms.rule_id

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
