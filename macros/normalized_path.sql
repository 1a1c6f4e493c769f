{#- An absolute path in its one spelling: without a slash at its end; on Windows also with slashes and a capital drive
    letter, as programs there write one directory in many ways. -#}
{% macro normalized_path(path) -%}
    {%- set slashed = "replace(" ~ path ~ ", chr(92), '/')" -%}
    case
        when {{ regex_match(slashed, '^[A-Za-z]:/') }}
            then upper(substr({{ path }}, 1, 1)) || {{ regex_replace("substr(" ~ slashed ~ ", 2)", '([^:])/+$', '{1}') }}
        when substr({{ path }}, 1, 2) = chr(92) || chr(92)
            then {{ regex_replace(slashed, '(.)/+$', '{1}') }}
        else {{ regex_replace(path, '(.)/+$', '{1}') }}
    end
{%- endmacro %}

{#- The last name of a path in that spelling; all of it where it has none (`/`). -#}
{% macro last_of_path(path) -%}
    coalesce({{ regex_extract(path, '([^/]+)$') }}, {{ path }})
{%- endmacro %}
