{#- A price set in OpenCode's configuration, or one that changed and is not in the list yet: for the
    user to judge. -#}
{{ config(severity='warn') }}

with

-- Where both are known, and without what OpenCode's known bugs added.
summed as (

    select
        model_id,
        sum(cost_recorded_corrected_usd) as recorded_usd,
        sum(cost_estimated_usd) as estimated_usd
    from {{ ref('message_costs') }}
    where cost_recorded_usd != 0 and cost_estimated_usd is not null
    group by model_id

),

different as (

    select *
    from summed
    where abs(recorded_usd - estimated_usd) > 0.01 * recorded_usd

)

select * from different
