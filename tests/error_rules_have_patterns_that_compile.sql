-- A pattern that does not compile raises; look-around and back-references do not (RE2).
with

patterns as (

    select
        rule_id,
        coalesce(pattern, '') as pattern,
        coalesce(unless_pattern, '') as unless_pattern,
        coalesce(status_codes, '') as status_codes,
        coalesce(exit_codes, '') as exit_codes
    from {{ ref('error_rules') }}

),

tried as (

    select
        rule_id,
        {{ regex_match_column("'x'", 'pattern') }} as is_pattern,
        {{ regex_match_column("'x'", 'unless_pattern') }} as is_unless,
        {{ regex_match_column("'x'", 'status_codes') }} as is_status,
        {{ regex_match_column("'x'", 'exit_codes') }} as is_exit
    from patterns

),

broken as (

    select *
    from tried
    where is_pattern is null or is_unless is null or is_status is null or is_exit is null

)

select * from broken
