{#- Every field that a model needs, from one parse of a JSON document.

    `paths` maps names to dotted paths (`{'created': 'time.created'}`). The result is one column, to be
    taken apart by json_field() with the same `paths`: parsing once for all is six times faster than once
    for each. Objects and arrays come as JSON text, null and absent fields as null.

    A field of a document may be plain text where an object is expected. With `is_field` such text has no fields;
    without it the column must be JSON, as a landed document always is. -#}
{% macro json_fields(column, paths, is_field=false) -%}
    {{ adapter.dispatch('json_fields', 'opencode_warehouse')(column, paths, is_field) }}
{%- endmacro %}

{% macro default__json_fields(column, paths, is_field) -%}
    {#- The guard stands in the argument: beside the call, DuckDB may parse before it asks. -#}
    json_extract_string({{ valid_json(column) if is_field else column }}, [
        {%- for path in paths.values() %}
        {{ json_path(path) }}{{ ',' if not loop.last }}
        {%- endfor %}
    ])
{%- endmacro %}
