{{ incremental_by_session() }}

with

errors as (

    select
        error_id,
        session_id,
        part_id,
        error_source,
        tool_name,
        error_name,
        finish_reason,
        exit_code,
        coalesce(error_message, '') as error_message
    from {{ changed(ref('int_errors_unioned')) }}

),

classified as (

    select
        error_id,
        status_code
    from {{ changed(ref('int_errors_classified')) }}

),

targeted as (

    select
        part_id,
        program
    from {{ changed(ref('int_tool_calls_targeted')) }}

),

-- Of what a command printed the last two lines tell it; of anything else the beginning.
told as (

    select
        error_id,
        session_id,
        part_id,
        error_source,
        tool_name,
        error_name,
        finish_reason,
        exit_code,
        case
            when tool_name in ('bash', 'shell')
                then coalesce(
                        {{ regex_extract('error_message', '([^\n]*\n?[^\n]*\S)\s*$') }}, ''
                    )
            else left(error_message, 1000)
        end as telling_text
    from errors

),

normalized as (

    select
        told.*,
        classified.status_code,
        targeted.program,
        {{ normalized_error('telling_text') }} as normalized_text
    from told
    inner join classified
        on told.error_id = classified.error_id
    left join targeted
        on told.part_id = targeted.part_id

),

fingerprinted as (

    select
        error_id,
        session_id,
        nullif(normalized_text, '') as normalized_text,
        md5(concat_ws(
            '|',
            error_source,
            coalesce(tool_name, ''),
            coalesce({{ normalized_error('program') }}, ''),
            coalesce(error_name, finish_reason, ''),
            coalesce(cast(status_code as {{ dbt.type_string() }}), ''),
            coalesce(cast(exit_code as {{ dbt.type_string() }}), ''),
            coalesce(normalized_text, '')
        )) as fingerprint
    from normalized

)

select * from fingerprinted
