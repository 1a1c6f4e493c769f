{#- The nth of n whole shares of a whole total: as equal as can be, and together the total to the last unit. -#}
{% macro share_of(total, nth, n) -%}
    cast(({{ total }} - mod({{ total }}, {{ n }})) / {{ n }} as bigint)
    + case
        when {{ nth }} <= abs(mod({{ total }}, {{ n }})) then cast(sign({{ total }}) as bigint)
        else 0
    end
{%- endmacro %}
