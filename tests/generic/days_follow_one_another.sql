{% test days_follow_one_another(model, first, last) %}
{#- Every number of days is there once, and belongs to the date so many days after today. -#}
    with

    counted as (

        select
            count(*) as n_rows,
            count(distinct days_ahead) as n_numbers,
            min(days_ahead) as first_number,
            max(days_ahead) as last_number,
            count(
                case when {{ days_between('as_of_date', 'usage_date') }} = days_ahead then 1 end
            ) as n_right
        from {{ model }}

    )

    select *
    from counted
    where
        first_number != {{ first }}
        or last_number != {{ last }}
        or n_rows != {{ last }} - ({{ first }}) + 1
        or n_numbers != n_rows
        or n_right != n_rows
{% endtest %}
