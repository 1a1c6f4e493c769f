{#- For each kind of document: how staging and the mart name its id, and which of them have a row in the mart. Of the
    diff of a session that OpenCode deleted nothing else may tell. -#}
{%- set kinds = [
    {'entity': 'projects', 'id': 'project_id', 'mart': 'project_aliases', 'mart_id': 'opencode_project_id'},
    {'entity': 'sessions', 'id': 'session_id', 'mart': 'sessions', 'mart_id': 'session_id'},
    {'entity': 'messages', 'id': 'message_id', 'mart': 'messages', 'mart_id': 'message_id'},
    {
        'entity': 'session_messages', 'id': 'message_id', 'mart': 'messages', 'mart_id': 'message_id',
        'is_published': "staged.message_type not in ('agent-switched', 'model-switched')",
    },
    {'entity': 'parts', 'id': 'part_id', 'mart': 'parts', 'mart_id': 'part_id'},
    {
        'entity': 'todos', 'id': 'session_id', 'mart': 'todos', 'mart_id': 'source_session_id',
        'is_published': 'staged.n_todos > 0',
    },
    {
        'entity': 'session_diffs', 'id': 'session_id', 'mart': 'sessions', 'mart_id': 'session_id',
        'is_published': 'false',
    },
] -%}

with

{% for kind in kinds -%}
-- A document counts as lost where staging lacks it, and where its mart lacks the id.
{{ kind.entity }}_counted as (

    select
        '{{ kind.entity }}' as entity,
        count(*) as n_landed,
        count(case when staged.{{ kind.id }} is null then 1 end) as n_not_staged,
        count(
            case
                when
                    published.published_id is null
                    and coalesce({{ kind.is_published | default('true') }}, false)
                    then 1
            end
        ) as n_not_published,
        min(
            case
                when
                    staged.{{ kind.id }} is null
                    or (
                        published.published_id is null
                        and coalesce({{ kind.is_published | default('true') }}, false)
                    )
                    then landed.document_id
            end
        ) as example_document_id
    from {{ source('opencode', kind.entity) }} as landed
    left join {{ ref('stg_opencode__' ~ kind.entity) }} as staged
        on
            landed.document_id = staged.{{ kind.id }}
            and landed.source_id = staged.source_id
    left join (
        select distinct {{ kind.mart_id }} as published_id
        from {{ ref(kind.mart) }}
    ) as published
        on landed.document_id = published.published_id

),

{% endfor -%}

counted as (
    {% for kind in kinds %}
    select *
    from {{ kind.entity }}_counted
    {{ 'union all' if not loop.last }}
    {% endfor %}

)

select * from counted
