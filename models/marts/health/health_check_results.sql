with

checks as (

    select
        check_id,
        name,
        family,
        question,
        unit,
        direction,
        threshold,
        severity,
        failure,
        nothing_to_check,
        remedy
    from {{ ref('health_checks') }}

),

measured as (

    select *
    from {{ ref('int_health_checks_measured') }}

),

valued as (

    select
        checks.*,
        coalesce(measured.n_checked, 0) as n_checked,
        measured.n_failed,
        measured.example,
        measured.note,
        case
            when coalesce(measured.n_checked, 0) = 0 then null
            when measured.measured_value is not null then measured.measured_value
            when checks.unit = 'count' then cast(measured.n_failed as double)
            when checks.unit = 'share' and checks.direction = 'at_least'
                then cast(measured.n_checked - measured.n_failed as double) / measured.n_checked
            when checks.unit = 'share'
                then cast(measured.n_failed as double) / measured.n_checked
        end as measured_value
    from checks
    inner join measured
        on checks.check_id = measured.check_id

),

judged as (

    select
        *,
        case
            when n_checked = 0 then 'SKIP'
            when measured_value is null and coalesce(n_failed, 0) = 0 then 'SKIP'
            when direction = 'at_least' and measured_value >= threshold then 'PASS'
            when direction = 'at_most' and measured_value <= threshold then 'PASS'
            when severity = 'error' then 'FAIL'
            else 'WARN'
        end as status
    from valued

),

results as (

    select
        -- ids
        check_id,
        '{{ invocation_id }}' as build_id,

        -- strings
        name,
        family,
        question,
        status,
        severity,
        unit,
        direction,
        case
            when status = 'SKIP' then 'Not checked: ' || nothing_to_check || '.'
            else
                nullif(
                    concat_ws(
                        ' ',
                        case
                            when n_failed > 0
                                then
                                    {{ grouped_number('n_failed') }} || ' of '
                                    || {{ grouped_number('n_checked') }} || ' ' || failure
                                    || coalesce(', such as ' || example, '') || '.'
                        end,
                        note
                    ), ''
                )
        end as details,
        case when status in ('WARN', 'FAIL') then remedy end as remedy,

        -- numbers
        measured_value as value,
        cast(threshold as double) as threshold,
        n_checked,
        case when status != 'SKIP' then n_failed end as n_failed,

        -- timestamps
        {{ as_of_timestamp() }} as checked_at
    from judged

)

select * from results
