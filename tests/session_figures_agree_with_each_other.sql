-- The tables of sessions say the same of each, and a root holds all that its tree holds.
with

metrics as (

    select *
    from {{ ref('session_resource_metrics') }}

),

stats as (

    select *
    from {{ ref('session_stats') }}

),

traces as (

    select *
    from {{ ref('session_traces') }}

),

trees as (

    select
        root_session_id,
        sum(total_input_tokens) as tokens_input,
        sum(total_output_tokens) as tokens_output,
        sum(total_cost_usd) as cost_usd,
        sum(tool_call_count) as tool_call_count
    from metrics
    group by root_session_id

),

differing as (

    select metrics.session_id
    from metrics
    left join stats
        on metrics.session_id = stats.session_id
    left join traces
        on metrics.session_id = traces.session_id
    left join trees
        on metrics.session_id = trees.root_session_id
    where
        metrics.total_input_tokens is distinct from stats.total_tokens_in
        or metrics.total_output_tokens is distinct from stats.total_tokens_out
        or metrics.total_cost_usd is distinct from stats.total_cost_usd
        or metrics.total_input_tokens is distinct from traces.tokens_in
        or metrics.total_cost_usd is distinct from traces.cost_usd
        or metrics.total_input_tokens_inclusive is distinct from traces.tokens_in_inclusive
        or (
            trees.root_session_id is not null
            and (
                metrics.total_input_tokens_inclusive is distinct from trees.tokens_input
                or metrics.total_output_tokens_inclusive is distinct from trees.tokens_output
                or metrics.total_cost_usd_inclusive is distinct from trees.cost_usd
                or metrics.tool_call_count_inclusive is distinct from trees.tool_call_count
            )
        )

)

select * from differing
