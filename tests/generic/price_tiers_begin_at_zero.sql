{% test price_tiers_begin_at_zero(model) %}
{#- Every period of a model's prices has a tier for the smallest context, and none twice. -#}
    select
        provider_id,
        model_name,
        valid_from,
        min(context_min_tokens) as lowest,
        count(*) as n_tiers,
        count(distinct context_min_tokens) as n_limits
    from {{ model }}
    group by provider_id, model_name, valid_from
    having min(context_min_tokens) != 0 or count(*) != count(distinct context_min_tokens)
{% endtest %}
