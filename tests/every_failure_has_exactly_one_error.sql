-- Whatever OpenCode recorded as failed is one row of errors: no more, no less.
with

failures as (

    select part_id as error_id
    from {{ ref('tool_calls') }}
    where status in ('error', 'timeout', 'aborted')

    union all

    select message_id as error_id
    from {{ ref('messages') }}
    where error_name is not null

),

counted as (

    select
        failures.error_id,
        count(errors.error_id) as n_errors
    from failures
    left join {{ ref('errors') }} as errors
        on failures.error_id = errors.error_id
    group by failures.error_id
    having count(errors.error_id) != 1

)

select * from counted
