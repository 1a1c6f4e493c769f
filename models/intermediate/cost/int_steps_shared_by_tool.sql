{{ incremental_by_session() }}

{#- The ten decimals of a cost as a whole number, to be shared out to the last unit. -#}
{%- set cost_units = 10000000000 -%}
{%- set nth = 'coalesce(calls.nth, 1)' -%}
{%- set n = 'coalesce(calls.n, 1)' %}

with

steps as (

    select
        *,
        cast(cost_usd * {{ cost_units }} as bigint) as cost_units,
        cast(cost_recorded_usd * {{ cost_units }} as bigint) as cost_recorded_units
    from {{ changed(ref('int_messages_booked')) }}
    where role = 'assistant'

),

errors as (

    select
        part_id,
        count(*) as error_count
    from {{ changed(ref('errors')) }}
    where part_id is not null
    group by part_id

),

calls as (

    select
        tool_calls.message_id,
        tool_calls.tool_name,
        tool_calls.status,
        coalesce(errors.error_count, 0) as error_count,
        row_number() over (
            partition by tool_calls.message_id
            order by tool_calls.part_id asc
        ) as nth,
        count(*) over (partition by tool_calls.message_id) as n,
        sum(coalesce(errors.error_count, 0)) over (
            partition by tool_calls.message_id
        ) as error_count_of_calls
    from {{ changed(ref('tool_calls')) }} as tool_calls
    left join errors
        on tool_calls.part_id = errors.part_id
    where not tool_calls.is_orphan

),

-- One row per call, and one per step that called no tool. A step costs what it costs to decide on
-- its calls; nothing says which of them cost more. An error of the step itself goes with its first
-- call.
shared as (

    select
        steps.message_id,
        steps.session_id,
        calls.tool_name,
        case when calls.message_id is null then 0 else 1 end as tool_call_count,
        case when calls.status = 'success' then 1 else 0 end as tool_success_count,
        case when calls.status != 'running' then 1 else 0 end as tool_finished_count,
        coalesce(calls.error_count, 0)
        + case
            when coalesce(calls.nth, 1) = 1
                then steps.error_count - coalesce(calls.error_count_of_calls, 0)
            else 0
        end as error_count,
        {{ share_of('steps.tokens_input', nth, n) }} as tokens_input,
        {{ share_of('steps.tokens_output', nth, n) }} as tokens_output,
        {{ share_of('steps.tokens_reasoning', nth, n) }} as tokens_reasoning,
        {{ share_of('steps.tokens_cache_read', nth, n) }} as tokens_cache_read,
        {{ share_of('steps.tokens_cache_write', nth, n) }} as tokens_cache_write,
        {{ share_of('steps.tokens_unpriced', nth, n) }} as tokens_unpriced,
        {{ share_of('steps.cost_units', nth, n) }} as cost_units,
        {{ share_of('steps.cost_recorded_units', nth, n) }} as cost_recorded_units
    from steps
    left join calls
        on steps.message_id = calls.message_id

),

priced as (

    select
        *,
        cast(cast(cost_units as decimal(28, 0)) / {{ cost_units }} as decimal(18, 10))
            as cost_usd,
        cast(cast(cost_recorded_units as decimal(28, 0)) / {{ cost_units }} as decimal(18, 10))
            as cost_recorded_usd
    from shared

)

select * from priced
