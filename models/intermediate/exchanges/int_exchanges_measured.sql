{{ incremental_by_session() }}

{%- set own_step = "role = 'assistant' and not is_fork_copy" -%}
{%- set step = "role = 'assistant'" -%}

with

messages as (

    select
        message_id,
        exchange_id,
        session_id,
        role,
        agent,
        model_id,
        tokens_input,
        tokens_output,
        tokens_reasoning,
        tokens_cache_read,
        tokens_cache_write,
        cost_recorded_usd,
        message_cost_usd,
        cost_source,
        tokens_unpriced,
        is_fork_copy,
        created_at,
        completed_at,
        source_id,
        deleted_at
    from {{ changed(ref('messages')) }}
    where exchange_id is not null and role in ('user', 'assistant')

),

ranked as (

    select
        *,
        row_number() over (
            partition by exchange_id, role
            order by created_at asc nulls last, message_id asc
        ) as nth,
        row_number() over (
            partition by exchange_id, role
            order by created_at desc nulls first, message_id desc
        ) as nth_from_last
    from messages

),

measured as (

    select
        exchange_id,
        min(session_id) as session_id,
        max(case when role = 'user' then message_id end) as user_message_id,
        max(case when {{ step }} and nth_from_last = 1 then message_id end)
            as last_assistant_message_id,
        -- who answered; who was asked where nobody did
        coalesce(
            max(case when {{ step }} and nth = 1 then agent end),
            max(case when role = 'user' then agent end)
        ) as agent,
        coalesce(
            max(case when {{ step }} and nth = 1 then model_id end),
            max(case when role = 'user' then model_id end)
        ) as model_id,
        count(case when {{ step }} then 1 end) as step_count,
        {{ total_of('tokens_input', where=own_step) }} as tokens_in,
        {{ total_of('tokens_output', where=own_step) }} as tokens_out,
        {{ total_of('tokens_reasoning', where=own_step) }} as tokens_reasoning,
        {{ total_of('tokens_cache_read', where=own_step) }} as tokens_cache_read,
        {{ total_of('tokens_cache_write', where=own_step) }} as tokens_cache_write,
        {{ total_recorded_usd('cost_recorded_usd', where=own_step) }} as cost_recorded_usd,
        {{ total_of('tokens_unpriced', where=own_step) }} as tokens_unpriced,
        {{ total_of('tokens_unpriced', where=step) }} as tokens_unpriced_with_copies,
        {{ total_usd('message_cost_usd', 'tokens_unpriced', where=own_step) }} as cost_usd,
        {{ total_usd('message_cost_usd', 'tokens_unpriced', where=step) }} as cost_with_copies_usd,
        count(case when {{ own_step }} and cost_source = 'unpriced' then 1 end)
            as unpriced_step_count,
        bool_and(is_fork_copy) as is_fork_copy,
        min(created_at) as started_at,
        -- a last step that never ended leaves the end of the turn unknown
        case
            when
                count(
                    case
                        when {{ step }} and nth_from_last = 1 and completed_at is null then 1
                    end
                ) = 0
                then max(completed_at)
        end as ended_at,
        min(source_id) as source_id,
        -- a turn is gone when all of it is
        case when count(*) = count(deleted_at) then max(deleted_at) end as deleted_at
    from ranked
    group by exchange_id

)

select * from measured
