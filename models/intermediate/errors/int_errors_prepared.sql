{{ incremental_by_session() }}

with

errors as (

    select
        error_id,
        session_id,
        error_source,
        tool_name,
        tool_status,
        error_name,
        finish_reason,
        status_code_recorded,
        exit_code,
        coalesce(error_message, '') as error_message,
        coalesce(response_body, '') as response_body
    from {{ changed(ref('int_errors_unioned')) }}

),

tool_families as (

    select
        tool_name,
        tool_family
    from {{ ref('tool_families') }}

),

placed as (

    select
        errors.*,
        case
            when errors.error_source != 'tool' then 'provider'
            when errors.tool_name is null then 'other'
            when errors.tool_name in ('websearch', 'codesearch') then 'web'
            when errors.tool_name like 'lsp%' then 'lsp'
            when tool_families.tool_family is not null then tool_families.tool_family
            -- tools that plugins add under names of their own
            when
                {{ regex_match(
                    'errors.tool_name', '^(run_)?(shell|terminal|exec|command|bash)(_|$)'
                ) }}
                then 'shell'
            when
                {{ regex_match(
                    'errors.tool_name',
                    '^(read|write|edit|create|delete|replace|list|str_replace)_(file|directory|based)|^replace$'
                ) }}
                then 'file'
            when {{ regex_match('errors.tool_name', '(^|_)(task|agent|subagent|background)(_|$)') }}
                then 'task'
            when {{ regex_match('errors.tool_name', '^mcp|_.') }} then 'mcp'
            else 'other'
        end as place
    from errors
    left join tool_families
        on errors.tool_name = tool_families.tool_name

),

-- What a command prints may name any error; what ended it stands at the end.
cut as (

    select
        error_id,
        session_id,
        tool_name,
        place,
        exit_code,
        status_code_recorded,
        coalesce(
            error_name,
            'finish:' || finish_reason,
            case when tool_status = 'aborted' then 'status:aborted' end
        ) as judged_name,
        lower(replace(replace(
            case
                when place = 'shell' then {{ text_end('error_message', 800) }}
                else
                    {{ cut_text('error_message', 2000, 1000) }}
                    || case
                        when response_body = '' then ''
                        else chr(10) || left(response_body, 2000)
                    end
            end,
            '\"', '"'
        ), '’', '''')) as judged_text
    from placed

),

-- A status code that only the text names: never a bare number, which may be a line.
coded as (

    select
        *,
        case
            when place in ('provider', 'web', 'mcp', 'task')
                then coalesce(
                        status_code_recorded,
                        cast({{ regex_extract(
                        'judged_text',
                        '^(?:error: |ai_apicallerror: |apierror: )?([45][0-9][0-9])(?: |:|$)'
                    ) }} as bigint),
                        cast({{ regex_extract(
                        'judged_text',
                        '(?:http|status|status[_ ]code|error code|api error|"code"|"status"|"statuscode"|failed)[a-z ]{0,12}[: =(]{1,3}([45][0-9][0-9])(?:[^0-9]|$)'
                    ) }} as bigint),
                        cast({{ regex_extract(
                        'judged_text',
                        '(?:error|provider)[^0-9]{0,40}[ :(]([45][0-9][0-9])[,):]'
                    ) }} as bigint)
                    )
        end as status_code
    from cut

),

prepared as (

    select
        error_id,
        session_id,
        tool_name,
        place,
        judged_name,
        status_code,
        exit_code,
        judged_text,
        md5(concat_ws(
            '|',
            place,
            coalesce(judged_name, ''),
            coalesce(cast(status_code as {{ dbt.type_string() }}), ''),
            coalesce(cast(exit_code as {{ dbt.type_string() }}), ''),
            judged_text
        )) as judged_hash
    from coded

)

select * from prepared
