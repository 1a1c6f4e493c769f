with

tool_calls as (

    select
        tool_name,
        started_at
    from {{ ref('int_tool_calls_unioned') }}

),

tool_families as (

    select
        tool_name,
        tool_family,
        mcp_server
    from {{ ref('tool_families') }}

),

used as (

    select
        tool_name,
        min({{ within_history('started_at') }}) as first_used_at,
        max({{ within_history('started_at') }}) as last_used_at
    from tool_calls
    group by tool_name

),

-- OpenCode names the tools of an MCP server `<server>_<tool>`; its own tools are in the seed.
described as (

    select
        -- ids
        used.tool_name as tool_id,

        -- strings
        used.tool_name,
        case
            when tool_families.tool_family is not null then tool_families.tool_family
            when {{ regex_match('used.tool_name', '^[^_]+_.') }} then 'mcp'
            else 'other'
        end as tool_family,
        case
            when tool_families.tool_family is not null then tool_families.mcp_server
            else {{ regex_extract('used.tool_name', '^([^_]+)_.') }}
        end as mcp_server,

        -- booleans
        tool_families.tool_name is not null as is_known,

        -- timestamps
        used.first_used_at,
        used.last_used_at
    from used
    left join tool_families
        on used.tool_name = tool_families.tool_name

)

select * from described
