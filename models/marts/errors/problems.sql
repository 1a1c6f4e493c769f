with

errors as (

    select *
    from {{ ref('errors') }}
    where not is_fork_copy and not is_consequence

),

resolutions as (

    select
        error_id,
        is_resolved,
        time_to_resolution_ms
    from {{ ref('problem_resolutions') }}

),

-- One row per fingerprint: its most frequent category, and the latest occurrence as its example.
counted_by_category as (

    select
        fingerprint,
        error_category,
        count(*) as n_errors
    from errors
    group by
        fingerprint,
        error_category

),

ranked as (

    select
        fingerprint,
        error_category,
        row_number() over (
            partition by fingerprint
            order by n_errors desc, error_category asc
        ) as nth
    from counted_by_category

),

-- A copied call fails again at the same moment: the id breaks the tie, so that a rebuild agrees.
latest as (

    select
        fingerprint,
        error_id,
        row_number() over (
            partition by fingerprint
            order by occurred_at desc nulls last, error_id asc
        ) as nth
    from errors

),

summed as (

    select
        errors.fingerprint,
        min(errors.locus) as locus,
        min(errors.error_source) as error_source,
        min(errors.tool_name) as tool_name,
        min(errors.error_name) as error_name,
        min(errors.normalized_text) as normalized_text,
        count(*) as occurrences,
        count(distinct errors.session_id) as sessions,
        count(distinct errors.model_id) as models,
        sum(case when resolutions.is_resolved then 1 else 0 end) as n_resolved,
        median(resolutions.time_to_resolution_ms) as median_time_to_resolution_ms,
        min({{ within_history('errors.occurred_at') }}) as first_seen_at,
        max({{ within_history('errors.occurred_at') }}) as last_seen_at
    from errors
    -- one row each
    inner join resolutions
        on errors.error_id = resolutions.error_id
    group by errors.fingerprint

),

described as (

    select
        -- ids
        summed.fingerprint,
        latest.error_id as example_error_id,

        -- strings
        ranked.error_category,
        summed.locus,
        summed.error_source,
        summed.tool_name,
        summed.error_name,
        summed.normalized_text,

        -- numbers
        cast(summed.occurrences as bigint) as occurrences,
        cast(summed.sessions as bigint) as sessions,
        cast(summed.models as bigint) as models,
        cast(summed.n_resolved as bigint) as n_resolved,
        cast(summed.n_resolved as double) / summed.occurrences as fix_success_rate,
        {{ wilson_lower_bound('summed.n_resolved', 'summed.occurrences') }} as fix_confidence,
        cast(round(summed.median_time_to_resolution_ms) as bigint) as median_time_to_resolution_ms,

        -- timestamps
        summed.first_seen_at,
        summed.last_seen_at
    from summed
    inner join ranked
        on summed.fingerprint = ranked.fingerprint and ranked.nth = 1
    inner join latest
        on summed.fingerprint = latest.fingerprint and latest.nth = 1

)

select * from described
