with

costs as (

    select *
    from {{ ref('int_messages_costed') }}

),

messages as (

    select
        message_id,
        session_id,
        provider_id,
        model_id,
        is_fork_copy,
        created_at,
        source_id,
        load_batch_id,
        deleted_at
    from {{ ref('messages') }}

),

branches as (

    select
        row_id as message_id,
        branch_in_force as git_branch
    from {{ ref('int_git_states_carried') }}
    where row_kind = 'step'

),

described as (

    select
        -- ids
        messages.message_id,
        messages.session_id,
        messages.provider_id,
        messages.model_id,
        costs.price_id,

        -- strings
        costs.cost_source,
        costs.known_cost_bug,
        costs.price_source,
        branches.git_branch,

        -- numbers
        costs.cost_recorded_usd,
        costs.cost_estimated_usd,
        costs.cost_usd,
        costs.tokens_unpriced,
        costs.cost_difference_usd,
        costs.cost_recorded_corrected_usd,
        costs.price_context_min_tokens,

        -- booleans
        messages.is_fork_copy,

        -- dates
        costs.price_valid_from,

        -- timestamps
        messages.created_at,

        -- lineage
        messages.source_id,
        messages.load_batch_id,
        messages.deleted_at
    from costs
    inner join messages
        on costs.message_id = messages.message_id
    left join branches
        on costs.message_id = branches.message_id

)

select * from described
