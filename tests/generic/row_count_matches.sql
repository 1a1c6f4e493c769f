{% test row_count_matches(model, expected) %}
{#- The model has as many rows as another relation: nothing lost, nothing multiplied. -#}
    with

    counted as (

        select
            (select count(*) from {{ model }}) as n_rows,
            (select count(*) from {{ expected }}) as n_expected

    )

    select *
    from counted
    where n_rows != n_expected
{% endtest %}
