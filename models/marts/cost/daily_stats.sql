{%- set step = "role = 'assistant'" -%}

with

messages as (

    select *
    from {{ ref('int_messages_booked') }}

),

exchanges as (

    select
        {{ local_date('started_at') }} as usage_date,
        count(*) as exchange_count
    from {{ ref('int_exchanges_described') }}
    where not is_fork_copy
    group by {{ local_date('started_at') }}

),

new_sessions as (

    select
        {{ local_date('created_at') }} as usage_date,
        count(*) as session_count
    from {{ ref('sessions') }}
    group by {{ local_date('created_at') }}

),

summed as (

    select
        usage_date,
        count(distinct session_id) as session_count,
        count(*) as message_count,
        count(case when {{ step }} then 1 end) as step_count,
        {{ total_of('tool_call_count', where='true') }} as tool_call_count,
        {{ total_of('error_count', where='true') }} as error_count,
        cast(sum(tool_success_count) as double)
        / nullif(sum(tool_finished_count), 0) as tool_success_rate,
        {{ total_of('tokens_input', where=step) }} as tokens_input,
        {{ total_of('tokens_output', where=step) }} as tokens_output,
        {{ total_of('tokens_reasoning', where=step) }} as tokens_reasoning,
        {{ total_of('tokens_cache_read', where=step) }} as tokens_cache_read,
        {{ total_of('tokens_cache_write', where=step) }} as tokens_cache_write,
        {{ total_of('tokens_unpriced', where=step) }} as tokens_unpriced,
        {{ total_recorded_usd('cost_recorded_usd', where=step) }} as cost_recorded_usd,
        {{ total_usd('cost_usd', 'tokens_unpriced', where=step) }} as cost_usd
    from messages
    group by usage_date

),

-- Windows count back from the newest day that can be, whatever a wrong clock says.
newest as (

    select max(usage_date) as usage_date
    from summed
    where {{ is_day_within_history('usage_date') }}

),

described as (

    select
        -- time
        summed.usage_date,
        case
            when {{ is_day_within_history('summed.usage_date') }}
                then {{ days_between('summed.usage_date', 'newest.usage_date') }}
        end as days_ago,

        -- counts
        summed.session_count,
        coalesce(new_sessions.session_count, 0) as new_session_count,
        coalesce(exchanges.exchange_count, 0) as exchange_count,
        summed.message_count,
        summed.step_count,
        summed.tool_call_count,
        summed.error_count,
        summed.tool_success_rate,

        -- tokens and money
        summed.tokens_input,
        summed.tokens_output,
        summed.tokens_reasoning,
        summed.tokens_cache_read,
        summed.tokens_cache_write,
        summed.tokens_unpriced,
        summed.cost_recorded_usd,
        summed.cost_usd
    from summed
    cross join newest
    left join exchanges
        on summed.usage_date = exchanges.usage_date
    left join new_sessions
        on summed.usage_date = new_sessions.usage_date

)

select * from described
