{#- When an ascending OpenCode id (`msg_`, `prt_`) was made, as UTC timestamp.

    The first 12 digits after the prefix are 48 bits of milliseconds × 4096 + counter, so the clock wraps
    every 2^36 ms (795 days). `near` is any timestamp less than 397 days away; it says which turn of the clock is
    meant. Null where the id is not of that form or `near` is null. -#}
{% macro id_clock_at(id, near) -%}
    {%- set low = "floor(" ~ hex_to_bigint("(case when " ~ regex_match(id, "^[a-z]{3}_[0-9a-f]{12}") ~ " then substr(" ~ id ~ ", 5, 12) end)") ~ " / 4096.0)" -%}
    {{ ms_to_timestamp(
        "cast(" ~ low ~ " + 68719476736 * round((" ~ timestamp_to_ms(near) ~ " - " ~ low ~ ") / 68719476736.0) as bigint)"
    ) }}
{%- endmacro %}
