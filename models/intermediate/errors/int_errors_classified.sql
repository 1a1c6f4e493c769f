{{ incremental_by_session() }}

with

errors as (

    select
        error_id,
        session_id,
        place,
        status_code
    from {{ changed(ref('int_errors_prepared')) }}

),

matched as (

    select
        error_id,
        rule_id
    from {{ changed(ref('int_error_rules_matched')) }}

),

scored as (

    select
        error_id,
        error_category,
        share
    from {{ changed(ref('int_error_words_scored')) }}

),

rules as (

    select
        rule_id,
        error_category,
        locus,
        confidence
    from {{ ref('error_rules') }}

),

decided as (

    select
        errors.error_id,
        errors.session_id,
        errors.place,
        errors.status_code,
        coalesce(rules.error_category, scored.error_category, 'unknown') as error_category,
        coalesce(rules.rule_id, case when scored.error_category is not null then 'word_scorer' end)
            as matched_rule,
        rules.locus as rule_locus,
        -- a guess from words is never as sure as the least sure rule of a kind
        cast(coalesce(rules.confidence, 0.6 * scored.share, 0) as decimal(4, 2))
            as classification_confidence
    from errors
    left join matched
        on errors.error_id = matched.error_id
    left join rules
        on matched.rule_id = rules.rule_id
    left join scored
        on errors.error_id = scored.error_id

),

located as (

    select
        error_id,
        session_id,
        status_code,
        error_category,
        matched_rule,
        classification_confidence,
        case
            when rule_locus is not null then rule_locus
            when error_category in ('internal', 'aborted') then 'harness'
            when place in ('provider', 'shell', 'web', 'mcp', 'lsp') then place
            when place in ('file', 'search') then 'filesystem'
            else 'harness'
        end as locus
    from decided

)

select * from located
