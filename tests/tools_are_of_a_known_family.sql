-- A tool that the seed tool_families does not know and that is no MCP server's is kept, counted and
-- named by a warning: add it to the seed.
{{ config(severity='warn') }}

{%- set new_tools -%}
    select tool_name
    from {{ ref('tools') }}
    where tool_family = 'other' and not is_known
    order by tool_name
{%- endset %}

{{- warn_of_new('tool', new_tools) }}
{{ new_tools }}
