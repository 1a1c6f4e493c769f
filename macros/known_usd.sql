{#- A sum of US dollars beside the tokens in it that have no known price: null where these are all that it stands for. What
    OpenCode recorded as 0 for steps without a token (aborted ones) prices no other step. Analyses and pages use it too, so
    it is plain SQL. -#}
{% macro known_usd(usd, tokens_unpriced) -%}
    case when {{ tokens_unpriced }} > 0 then nullif({{ usd }}, 0) else {{ usd }} end
{%- endmacro %}
