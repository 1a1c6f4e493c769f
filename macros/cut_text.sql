{#- The head and the tail of a long text; a short one as it is. -#}
{% macro cut_text(text, n_head, n_tail) -%}
    case
        when length({{ text }}) > {{ n_head + n_tail }}
            then left({{ text }}, {{ n_head }}) || chr(10) || '…' || chr(10) || {{ text_end(text, n_tail) }}
        else {{ text }}
    end
{%- endmacro %}
