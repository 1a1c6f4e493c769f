with

steps as (

    select *
    from {{ ref('int_messages_booked') }}
    where role = 'assistant'

),

tool_shares as (

    select *
    from {{ ref('int_steps_shared_by_tool') }}

),

days as (

    select
        usage_date,
        days_ago
    from {{ ref('daily_stats') }}

),

dimensions as (

    select 'project' as dimension
    union all
    select 'model' as dimension
    union all
    select 'agent' as dimension

),

-- Every dimension for itself: each adds up to the day.
unioned as (

    select
        steps.usage_date,
        dimensions.dimension,
        case dimensions.dimension
            when 'project' then steps.project_id
            when 'model' then steps.model_id
            else steps.agent
        end as dimension_value,
        steps.session_id,
        steps.message_id,
        steps.tokens_input,
        steps.tokens_output,
        steps.tokens_reasoning,
        steps.tokens_cache_read,
        steps.tokens_cache_write,
        steps.tokens_unpriced,
        steps.cost_recorded_usd,
        steps.cost_usd,
        steps.tool_call_count,
        steps.tool_success_count,
        steps.tool_finished_count,
        steps.error_count
    from steps
    cross join dimensions

    union all

    select
        steps.usage_date,
        'tool' as dimension,
        tool_shares.tool_name as dimension_value,
        steps.session_id,
        steps.message_id,
        tool_shares.tokens_input,
        tool_shares.tokens_output,
        tool_shares.tokens_reasoning,
        tool_shares.tokens_cache_read,
        tool_shares.tokens_cache_write,
        tool_shares.tokens_unpriced,
        tool_shares.cost_recorded_usd,
        tool_shares.cost_usd,
        tool_shares.tool_call_count,
        tool_shares.tool_success_count,
        tool_shares.tool_finished_count,
        tool_shares.error_count
    from tool_shares
    inner join steps
        on tool_shares.message_id = steps.message_id

),

summed as (

    select
        -- ids
        coalesce(cast(usage_date as {{ dbt.type_string() }}), '')
        || ':' || dimension
        || ':' || coalesce(dimension_value, '') as daily_usage_id,

        -- what
        usage_date,
        dimension,
        dimension_value,

        -- counts
        count(distinct session_id) as session_count,
        count(distinct message_id) as step_count,
        {{ total_of('tool_call_count', where='true') }} as tool_call_count,
        {{ total_of('error_count', where='true') }} as error_count,
        cast(sum(tool_success_count) as double)
        / nullif(sum(tool_finished_count), 0) as tool_success_rate,

        -- tokens and money
        {{ total_of('tokens_input', where='true') }} as tokens_input,
        {{ total_of('tokens_output', where='true') }} as tokens_output,
        {{ total_of('tokens_reasoning', where='true') }} as tokens_reasoning,
        {{ total_of('tokens_cache_read', where='true') }} as tokens_cache_read,
        {{ total_of('tokens_cache_write', where='true') }} as tokens_cache_write,
        {{ total_of('tokens_unpriced', where='true') }} as tokens_unpriced,
        {{ total_recorded_usd('cost_recorded_usd', where='true') }} as cost_recorded_usd,
        {{ total_usd('cost_usd', 'tokens_unpriced', where='true') }} as cost_usd
    from unioned
    group by usage_date, dimension, dimension_value

),

described as (

    select
        summed.*,
        days.days_ago
    from summed
    left join days
        on summed.usage_date = days.usage_date

)

select * from described
