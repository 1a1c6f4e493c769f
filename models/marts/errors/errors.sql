{{ incremental_by_session() }}

with

errors as (

    select *
    from {{ changed(ref('int_errors_unioned')) }}

),

classified as (

    select *
    from {{ changed(ref('int_errors_classified')) }}

),

fingerprinted as (

    select
        error_id,
        fingerprint,
        normalized_text
    from {{ changed(ref('int_errors_fingerprinted')) }}

),

caused as (

    select
        error_id,
        caused_by_error_id
    from {{ changed(ref('int_errors_caused')) }}

),

categories as (

    select
        error_category,
        severity,
        is_retryable
    from {{ ref('error_categories') }}

),

described as (

    select
        -- ids
        errors.error_id,
        errors.part_id,
        errors.message_id,
        errors.session_id,
        caused.caused_by_error_id,

        -- strings
        errors.error_source,
        classified.locus,
        errors.tool_name,
        errors.provider_id,
        errors.model_id,
        errors.error_name,
        errors.error_message,
        {{ as_json('errors.error_data') }} as error_data,
        classified.error_category,
        categories.severity as error_severity,
        classified.matched_rule,
        fingerprinted.fingerprint,
        fingerprinted.normalized_text,

        -- numbers
        classified.status_code,
        errors.exit_code,
        classified.classification_confidence,

        -- booleans
        categories.is_retryable,
        errors.is_retryable_recorded,
        caused.caused_by_error_id is not null as is_consequence,
        errors.is_orphan,
        errors.is_fork_copy,

        -- timestamps
        errors.occurred_at,

        -- lineage
        errors.source_id,
        errors.load_batch_id,
        errors.deleted_at
    from errors
    -- one row each
    inner join classified
        on errors.error_id = classified.error_id
    inner join fingerprinted
        on errors.error_id = fingerprinted.error_id
    inner join caused
        on errors.error_id = caused.error_id
    inner join categories
        on classified.error_category = categories.error_category

)

select * from described
