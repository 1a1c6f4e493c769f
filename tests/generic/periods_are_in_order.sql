{% test periods_are_in_order(model, begins, ends) %}
{#- No period ends before it begins. -#}
    select
        {{ begins }},
        {{ ends }}
    from {{ model }}
    where {{ ends }} < {{ begins }}
{% endtest %}
