with

bills as (

    select
        concat_ws(
            ':', invoice_id, provider_id, model_name, period_begins_on, period_ends_on
        ) as bill_line_id,
        invoice_id,
        provider_id,
        model_name,
        amount_usd,
        period_begins_on,
        period_ends_on
    from {{ ref('provider_bills') }}

),

-- Providers bill by days in UTC, wherever the reports are read.
steps as (

    select
        messages.message_id,
        messages.provider_id,
        models.model_name,
        messages.cost_source,
        messages.message_cost_usd as cost_usd,
        messages.tokens_unpriced,
        cast(messages.created_at as date) as billed_on
    from {{ ref('messages') }} as messages
    left join {{ ref('models') }} as models
        on messages.model_id = models.model_id
    where messages.role = 'assistant' and not messages.is_fork_copy

),

summed as (

    select
        bills.bill_line_id,
        bills.invoice_id,
        bills.provider_id,
        bills.model_name,
        bills.amount_usd,
        count(steps.message_id) as step_count,
        {{ total_of('steps.tokens_unpriced', where='steps.message_id is not null') }}
            as tokens_unpriced,
        {{ total_usd(
            'steps.cost_usd', 'steps.tokens_unpriced', where='steps.message_id is not null'
        ) }} as stored_usd,
        {{ total_recorded_usd('steps.cost_usd', where="steps.cost_source = 'recorded'") }}
            as stored_recorded_usd,
        {{ total_of(
            'steps.cost_usd', 'decimal(18, 10)', where="steps.cost_source = 'estimated'"
        ) }} as stored_estimated_usd,
        bills.period_begins_on,
        bills.period_ends_on
    from bills
    left join steps
        on
            bills.provider_id = steps.provider_id
            and bills.period_begins_on <= steps.billed_on
            and bills.period_ends_on >= steps.billed_on
            and (bills.model_name is null or bills.model_name = steps.model_name)
    group by
        bills.bill_line_id,
        bills.invoice_id,
        bills.provider_id,
        bills.model_name,
        bills.amount_usd,
        bills.period_begins_on,
        bills.period_ends_on

)

select * from summed
