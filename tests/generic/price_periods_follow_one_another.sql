{% test price_periods_follow_one_another(model) %}
{#- The periods of a model's prices neither overlap nor leave a hole: each begins on the day on which the one before
    it ends. All tiers of a period share its days. -#}
    with

    periods as (

        -- the tiers of one period
        select distinct
            provider_id,
            model_name,
            valid_from,
            valid_to
        from {{ model }}

    ),

    followed as (

        select
            *,
            lead(valid_from) over (
                partition by provider_id, model_name order by valid_from, valid_to
            ) as next_valid_from
        from periods

    )

    select *
    from followed
    where
        valid_to <= valid_from
        or (next_valid_from is not null and coalesce(valid_to != next_valid_from, true))
{% endtest %}
