{%- set today = local_date(as_of_timestamp()) -%}
{%- set n_days_back = 56 -%}
{%- set n_days_ahead = 30 -%}

with

digits as (

    {% for digit in range(10) -%}
        select {{ digit }} as digit{{ ' union all' if not loop.last }}
    {% endfor %}

),

numbers as (

    select tens.digit * 10 + ones.digit - {{ n_days_back }} as days_ahead
    from digits as tens
    cross join digits as ones

),

listed as (

    select
        {{ days_after('days_ahead', today) }} as usage_date,
        {{ today }} as as_of_date,
        cast(days_ahead as bigint) as days_ahead
    from numbers
    where days_ahead <= {{ n_days_ahead }}

)

select * from listed
