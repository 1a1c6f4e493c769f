-- What is counted by turn, session, day, project, model, agent or tool is what the messages hold
-- that no fork copied: to the token, and to the micro-dollar.
with

summed as (

    select
        'messages' as summed_by,
        coalesce(sum(tokens_input), 0) as tokens_input,
        coalesce(sum(tokens_output), 0) as tokens_output,
        coalesce(sum(tokens_reasoning), 0) as tokens_reasoning,
        coalesce(sum(tokens_cache_read), 0) as tokens_cache_read,
        coalesce(sum(tokens_cache_write), 0) as tokens_cache_write,
        coalesce(sum(cost_recorded_usd), 0) as cost_recorded_usd,
        coalesce(sum(message_cost_usd), 0) as cost_usd
    from {{ ref('messages') }}
    where role = 'assistant' and not is_fork_copy

    union all

    select
        'exchanges' as summed_by,
        coalesce(sum(tokens_in), 0) as tokens_input,
        coalesce(sum(tokens_out), 0) as tokens_output,
        coalesce(sum(tokens_reasoning), 0) as tokens_reasoning,
        coalesce(sum(tokens_cache_read), 0) as tokens_cache_read,
        coalesce(sum(tokens_cache_write), 0) as tokens_cache_write,
        coalesce(sum(cost_recorded_usd), 0) as cost_recorded_usd,
        coalesce(sum(cost_usd), 0) as cost_usd
    from {{ ref('exchanges') }}

    union all

    select
        'session_resource_metrics' as summed_by,
        coalesce(sum(total_input_tokens), 0) as tokens_input,
        coalesce(sum(total_output_tokens), 0) as tokens_output,
        coalesce(sum(total_reasoning_tokens), 0) as tokens_reasoning,
        coalesce(sum(total_cache_read_tokens), 0) as tokens_cache_read,
        coalesce(sum(total_cache_write_tokens), 0) as tokens_cache_write,
        coalesce(sum(total_cost_recorded_usd), 0) as cost_recorded_usd,
        coalesce(sum(total_cost_usd), 0) as cost_usd
    from {{ ref('session_resource_metrics') }}

    union all

    select
        'daily_stats' as summed_by,
        coalesce(sum(tokens_input), 0) as tokens_input,
        coalesce(sum(tokens_output), 0) as tokens_output,
        coalesce(sum(tokens_reasoning), 0) as tokens_reasoning,
        coalesce(sum(tokens_cache_read), 0) as tokens_cache_read,
        coalesce(sum(tokens_cache_write), 0) as tokens_cache_write,
        coalesce(sum(cost_recorded_usd), 0) as cost_recorded_usd,
        coalesce(sum(cost_usd), 0) as cost_usd
    from {{ ref('daily_stats') }}

    union all

    select
        'daily_usage by ' || dimension as summed_by,
        coalesce(sum(tokens_input), 0) as tokens_input,
        coalesce(sum(tokens_output), 0) as tokens_output,
        coalesce(sum(tokens_reasoning), 0) as tokens_reasoning,
        coalesce(sum(tokens_cache_read), 0) as tokens_cache_read,
        coalesce(sum(tokens_cache_write), 0) as tokens_cache_write,
        coalesce(sum(cost_recorded_usd), 0) as cost_recorded_usd,
        coalesce(sum(cost_usd), 0) as cost_usd
    from {{ ref('daily_usage') }}
    group by dimension

),

truth as (

    select *
    from summed
    where summed_by = 'messages'

),

differing as (

    select summed.*
    from summed
    cross join truth
    where
        abs(summed.tokens_input - truth.tokens_input) > 0
        or abs(summed.tokens_output - truth.tokens_output) > 0
        or abs(summed.tokens_reasoning - truth.tokens_reasoning) > 0
        or abs(summed.tokens_cache_read - truth.tokens_cache_read) > 0
        or abs(summed.tokens_cache_write - truth.tokens_cache_write) > 0
        or abs(summed.cost_recorded_usd - truth.cost_recorded_usd) > 0.0000005
        or abs(summed.cost_usd - truth.cost_usd) > 0.0000005

)

select * from differing
