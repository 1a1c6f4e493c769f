{%- set entities = [
    'projects', 'sessions', 'messages', 'parts', 'todos', 'session_diffs', 'session_messages',
] -%}

with

documents as (
    {% for entity in entities %}
        select
            source_id,
            first_loaded_at,
            loaded_at,
            coalesce(origin_modified_at, first_loaded_at) as last_changed_at,
            deleted_at,
            text_removed_at
        from {{ ref('stg_opencode__' ~ entity) }}
        {{ 'union all' if not loop.last }}
    {% endfor %}

),

moments as (

    select
        {{ dbt.dateadd('day', -1, 'checked_at') }} as today_since,
        {{ dbt.dateadd('day', -8, 'checked_at') }} as week_since,
        {% if var('retention_days') is none -%}
            cast(null as timestamp) as kept_since
        {%- else -%}
            -- a day of grace, as texts are removed once a day
            {{ dbt.dateadd('day', -(var('retention_days') | int) - 1, 'checked_at') }} as kept_since
        {%- endif %}
    from {{ ref('int_health_moments') }}

),

counted as (

    select
        documents.source_id,
        count(*) as n_documents,
        count(documents.deleted_at) as n_deleted,
        count(case when documents.first_loaded_at > moments.today_since then 1 end) as n_new_today,
        count(case when documents.loaded_at > moments.today_since then 1 end) as n_landed_today,
        count(
            case
                when
                    documents.first_loaded_at > moments.week_since
                    and documents.first_loaded_at <= moments.today_since
                    then 1
            end
        ) as n_new_week_before,
        count(
            case
                when
                    documents.last_changed_at < moments.kept_since
                    and documents.text_removed_at is null
                    then 1
            end
        ) as n_past_retention
    from documents
    cross join moments
    group by documents.source_id

)

select * from counted
