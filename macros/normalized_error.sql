{#- The text of an error without what differs from one occurrence to the next: addresses, ids, paths, quoted words, times and
    numbers; at most 300 characters. Plain expressions, one within the other, so that it is one pass. -#}
{% macro normalized_error(text) -%}
    {%- set steps = [
        ('\x1b\[[0-9;]*[a-zA-Z]', ''),
        ('[a-z][a-z0-9+.-]*://[^\s"<>)]+', '<url>'),
        ('"[^"\n]{1,200}"', '<quoted>'),
        ('`[^`\n]{1,200}`', '<quoted>'),
        ('[a-z]:\\\\[^\s:"<>|]+', '<path>'),
        ('(?:~|\.{1,2})?/[^\s:"<>,;)]+', '<path>'),
        ('[0-9a-f]{8}-[0-9a-f-]{20,40}', '<id>'),
        ('[a-z]{2,8}_[0-9a-z]{10,60}', '<id>'),
        ('0x[0-9a-f]+', '<id>'),
        ('[0-9]*[a-f][0-9a-f]*[0-9][0-9a-f]{6,64}', '<id>'),
        ('[a-z0-9_-]+\.[a-z]{1,4}(?:[^a-z0-9]|$)', '<file> '),
        ('[0-9]+(?:[.,:][0-9]+)*', '<n>'),
        ('\s+', ' ')
    ] -%}
    {%- set expression = namespace(text="lower(" ~ text ~ ")") -%}
    {%- for pattern, replacement in steps -%}
        {%- set expression.text = regex_replace(expression.text, pattern, replacement) -%}
    {%- endfor -%}
    trim(left({{ expression.text }}, 300))
{%- endmacro %}
