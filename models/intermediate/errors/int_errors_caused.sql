{{ incremental_by_session() }}

with

errors as (

    select
        error_id,
        message_id,
        session_id,
        error_source,
        tool_status
    from {{ changed(ref('int_errors_unioned')) }}

),

classified as (

    select
        error_id,
        error_category,
        locus
    from {{ changed(ref('int_errors_classified')) }}

),

described as (

    select
        errors.*,
        classified.error_category,
        classified.locus
    from errors
    inner join classified
        on errors.error_id = classified.error_id

),

message_errors as (

    select
        error_id,
        message_id
    from described
    where error_source = 'message'

),

-- One row per message: a refusal at a tool that OpenCode then repeats as the message's own error.
refused as (

    select
        message_id,
        min(error_id) as error_id
    from described
    where
        error_source = 'tool'
        and error_category in ('permission', 'aborted')
        and locus = 'harness'
    group by message_id

),

-- Stopping a step aborts each tool that runs: one thing that happened, several records.
caused as (

    select
        described.error_id,
        described.session_id,
        case
            when described.error_source = 'tool' and described.tool_status = 'aborted'
                then message_errors.error_id
            when
                described.error_source = 'message'
                and described.error_category = 'permission'
                and described.locus = 'harness'
                then refused.error_id
        end as caused_by_error_id
    from described
    left join message_errors
        on described.message_id = message_errors.message_id
    left join refused
        on described.message_id = refused.message_id

)

select * from caused
