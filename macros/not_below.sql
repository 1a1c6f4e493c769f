{#- An amount, or a limit where the amount is lower; null without an amount. `greatest` would take the limit for an unknown
    amount. -#}
{% macro not_below(amount, limit) -%}
    case when {{ amount }} < {{ limit }} then {{ limit }} else {{ amount }} end
{%- endmacro %}
