{% test not_negative(model, column_name) %}
{#- A count, a size or a duration is null where unknown, and never below zero. -#}
    select {{ column_name }}
    from {{ model }}
    where {{ column_name }} < 0
{% endtest %}
