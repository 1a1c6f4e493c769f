{#- The number of bytes that a text takes in UTF-8, also of one that retention has replaced by a marker. -#}
{% macro text_bytes(text) -%}
    coalesce(
        cast({{ regex_extract(text, '^(?:data:|The following tool was executed by the user )?\\[text removed, ([0-9]+) bytes, [0-9a-f]{4}\\]$') }} as bigint),
        {{ byte_length(text) }}
    )
{%- endmacro %}

{#- 16 bits of the checksum of a text, in hex digits, also of one that retention has replaced by a marker. -#}
{% macro text_code(text) -%}
    coalesce(
        {{ regex_extract(text, '\\[text removed, [0-9]+ bytes, ([0-9a-f]{4})\\]$') }},
        left(md5({{ text }}), 4)
    )
{%- endmacro %}
