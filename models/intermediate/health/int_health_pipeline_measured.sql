{{ depend_on_checked_tables() }}

with

moments as (

    select
        checked_at,
        is_sample_only
    from {{ ref('int_health_moments') }}

),

retention as (

    select
        {% if var('retention_days') is none %}0{% else %}coalesce(sum(n_documents), 0){% endif %}
            as n_checked,
        coalesce(sum(n_past_retention), 0) as n_failed
    from {{ ref('int_health_sources_counted') }}

),

storage as (

    select
        warehouse_bytes,
        disk_free_bytes / nullif(cast(disk_total_bytes as double), 0) as free_share,
        cast(disk_free_bytes / 1000000000.0 as decimal(18, 1)) as free_gb,
        cast(disk_total_bytes / 1000000000.0 as decimal(18, 1)) as total_gb
    from {{ ref('stg_loader__storage_measurements') }}
    where measured_at = (
        select max(measured_at) as latest
        from {{ ref('stg_loader__storage_measurements') }}
    )

),

backups as (

    select
        moments.checked_at,
        (
            select max(made_at) as latest
            from {{ ref('stg_loader__backups') }}
        ) as last_backup_at
    from moments
    where
        not moments.is_sample_only
        and exists (
            select 1
            from {{ ref('int_health_sources_counted') }}
            where n_documents > 0
        )

),

required as (
    {% for name in required_relations() %}
        select '{{ name }}' as relation_name
        {{ 'union all' if not loop.last }}
    {% else %}
        select cast(null as {{ dbt.type_string() }}) as relation_name
        where 1 = 0
    {% endfor %}

),

relations as (

    select
        required.relation_name,
        existing.relation_name is null as is_missing
    from required
    left join ({{ existing_relations() | indent(4) }}) as existing
        on required.relation_name = existing.relation_name

),

-- A test that was taken out of the project is no longer asked for.
tests as (

    select
        name,
        is_failed
    from {{ ref('build_results') }}
    where is_latest and unique_id in ('{{ judged_tests() | join("', '") }}')

),

measured as (

    select
        {{ health_measure(
            'warehouse_size',
            value='max(warehouse_bytes)',
            n_failed='null',
            note=grouped_number('max(warehouse_bytes)') ~ " || ' bytes.'",
        ) }}
    from storage

    union all

    select
        {{ health_measure(
            'disk_free',
            value='min(free_share)',
            n_failed='null',
            note="min(free_gb) || ' GB of ' || max(total_gb) || ' GB are free.'",
        ) }}
    from storage

    union all

    select
        {{ health_measure(
            'backup_age',
            'last_backup_at is null',
            value='(' ~ ms_between('max(last_backup_at)', 'max(checked_at)') ~ ') / 86400000.0',
            note="'The last one was made on ' || cast(max(last_backup_at) as date) || '.'",
        ) }}
    from backups

    union all

    select {{ health_measure('relations_present', 'is_missing', example='relation_name') }}
    from relations

    union all

    select {{ health_measure('tests_passed', 'is_failed', example='name') }}
    from tests

    union all

    select
        {{ health_measure(
            'retention_window', n_checked='max(n_checked)', n_failed='max(n_failed)'
        ) }}
    from retention

    union all

    select {{ health_measure('budgets', "budget_status = 'over'", example='budget_name') }}
    from {{ ref('budget_status') }}
    where budget_status != 'unknown'

)

select * from measured
