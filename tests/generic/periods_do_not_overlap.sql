{% test periods_do_not_overlap(model, column_name, begins, ends) %}
{#- No two rows of one name hold on the same day. Periods are half-open; an empty end is open. -#}
    with

    periods as (

        select
            {{ column_name }} as period_name,
            coalesce({{ begins }}, cast('0001-01-01' as date)) as begins_on,
            coalesce({{ ends }}, cast('9999-12-31' as date)) as ends_on
        from {{ model }}

    ),

    followed as (

        select
            *,
            lead(begins_on) over (
                partition by period_name order by begins_on, ends_on
            ) as next_begins_on
        from periods

    )

    select *
    from followed
    where ends_on <= begins_on or ends_on > next_begins_on
{% endtest %}
