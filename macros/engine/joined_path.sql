{#- A path as a command names it, made absolute: one that begins with a slash as it is, any other below `base`. Null where
    that is not certain: a home directory, a variable, a step upwards, a quoted text with spaces. -#}
{% macro joined_path(base, path) -%}
    case
        when {{ regex_match(path, '(^|/)[.][.](/|$)|[~$*?]|_quoted_|^-') }} then null
        when {{ path }} like '/%' then {{ regex_replace(path, '(.)/+$', '{1}') }}
        when {{ path }} in ('.', './') then {{ base }}
        else {{ base }} || '/' || {{ regex_replace(regex_replace(path, '^([.]/)+', ''), '/+$', '') }}
    end
{%- endmacro %}
