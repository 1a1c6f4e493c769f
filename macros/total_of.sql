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

{#- The same for US dollars. -#}
{% macro total_usd(column, where='not is_fork_copy') -%}
    {{ total_of(column, 'decimal(18, 10)', where) }}
{%- endmacro %}
