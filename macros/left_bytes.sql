{#- The beginning of a text, of at most so many bytes in UTF-8. Where letters take several bytes it may be shorter than it
    could be: as many letters are left out as there are bytes too many. -#}
{% macro left_bytes(text, n_bytes) -%}
    {%- set beginning = "left(" ~ text ~ ", " ~ n_bytes ~ ")" -%}
    left({{ text }}, cast(greatest(0, {{ n_bytes }} - greatest(0, {{ byte_length(beginning) }} - {{ n_bytes }})) as integer))
{%- endmacro %}
