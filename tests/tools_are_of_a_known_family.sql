-- A tool that the seed tool_families does not know and that is no MCP server's is kept, counted and
-- named here: add it to the seed.
{{ config(severity='warn') }}

select
    tool_name,
    first_used_at
from {{ ref('tools') }}
where tool_family = 'other' and not is_known
