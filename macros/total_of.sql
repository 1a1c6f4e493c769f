{#- The sum of a column over the rows of a group that count: 0 where no row counts, null where none of those that count
    has a figure. Fork copies count only in totals named `_with_copies`. -#}
{% macro total_of(column, data_type='bigint', where='not is_fork_copy') -%}
    cast(
        case
            when count(case when {{ where }} then 1 end) = 0 then 0
            else sum(case when {{ where }} then {{ column }} end)
        end as {{ data_type }}
    )
{%- endmacro %}

{#- The same for US dollars as OpenCode recorded them: its 0 also stands for prices that it did not know. -#}
{% macro total_recorded_usd(column, where='not is_fork_copy') -%}
    {{ total_of(column, 'decimal(18, 10)', where) }}
{%- endmacro %}

{#- The same for US dollars that are known: null also where all that is known is 0 and tokens have no price.
    `tokens_unpriced` is the column that counts those of a row. -#}
{% macro total_usd(column, tokens_unpriced, where='not is_fork_copy') -%}
    cast(
        case
            when count(case when {{ where }} then 1 end) = 0 then 0
            else {{ known_usd(
                'sum(case when ' ~ where ~ ' then ' ~ column ~ ' end)',
                'sum(case when ' ~ where ~ ' then ' ~ tokens_unpriced ~ ' end)'
            ) }}
        end as decimal(18, 10)
    )
{%- endmacro %}
