{#- What tokens cost in US dollars at a price per thousand, not rounded: fifteen places hold the price of one token.
    0 for no tokens, whatever they cost; null without a price, and for a count below zero or beyond any model's reach. -#}
{% macro tokens_usd(tokens, cost_per_1k) -%}
    case
        when coalesce({{ tokens }}, 0) = 0 then 0
        when {{ tokens }} > 0
            then
                try_cast({{ tokens }} as decimal(12, 0))
                * cast({{ cost_per_1k }} * cast(0.001 as decimal(4, 3)) as decimal(20, 15))
    end
{%- endmacro %}
