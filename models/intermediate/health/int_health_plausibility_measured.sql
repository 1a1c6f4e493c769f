with

moments as (

    select
        checked_at,
        last_week_since,
        last_month_since
    from {{ ref('int_health_moments') }}

),

steps as (

    select
        message_id,
        least(
            tokens_input,
            tokens_output,
            tokens_reasoning,
            tokens_cache_read,
            tokens_cache_write,
            message_cost_usd
        ) as least_amount
    from {{ ref('messages') }}
    where role = 'assistant'

),

sessions as (

    select
        session_id,
        total_cost_usd,
        total_tokens_in
    from {{ ref('session_stats') }}
    where total_steps > 0

),

finished_tool_calls as (

    select
        tool_calls.tool_call_id,
        tool_calls.status
    from {{ ref('tool_calls') }} as tool_calls
    cross join moments
    where
        not tool_calls.is_fork_copy
        and tool_calls.status in ('success', 'error', 'timeout')
        and coalesce(tool_calls.ended_at, tool_calls.started_at) > moments.last_month_since
        and coalesce(tool_calls.ended_at, tool_calls.started_at) <= moments.checked_at

),

-- The same comparison as in cost_anomalies, which has only the days that were too dear.
days as (

    select
        days.usage_date,
        cast(days.cost_usd as double) / nullif(days.baseline_usd, 0) as baseline_ratio
    from {{ ref('int_days_compared') }} as days
    cross join moments
    where
        days.usage_date >= {{ local_date('moments.last_week_since') }}
        and days.baseline_usd is not null

),

-- Without what OpenCode's known bugs added.
estimates as (

    select
        message_id,
        cost_recorded_corrected_usd as recorded_usd,
        cost_estimated_usd as estimated_usd
    from {{ ref('message_costs') }}
    where not is_fork_copy and cost_recorded_usd != 0 and cost_estimated_usd is not null

),

measured as (

    select {{ health_measure('negative_amounts', 'least_amount < 0', example='message_id') }}
    from steps

    union all

    select {{ health_measure('expensive_sessions', 'total_cost_usd > 100', example='session_id') }}
    from sessions
    where total_cost_usd is not null

    union all

    select
        {{ health_measure(
            'large_input_sessions', 'total_tokens_in > 1000000', example='session_id'
        ) }}
    from sessions

    union all

    select {{ health_measure('error_rate', "status != 'success'", example='tool_call_id') }}
    from finished_tool_calls

    union all

    select
        {{ health_measure(
            'cost_above_baseline',
            'baseline_ratio > ' ~ threshold_of('cost_above_baseline'),
            value='max(baseline_ratio)',
            example='usage_date',
        ) }}
    from days

    union all

    select
        {{ health_measure(
            'recorded_as_estimated',
            'abs(recorded_usd - estimated_usd) > abs(recorded_usd) * ' ~ threshold_of('recorded_as_estimated'),
            value='abs(sum(recorded_usd) - sum(estimated_usd)) / nullif(sum(recorded_usd), 0)',
            example='message_id',
        ) }}
    from estimates

)

select * from measured
