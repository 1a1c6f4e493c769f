{#- Of one kind of landed document: how many there are, how many staging lacks, and how many its mart lacks.

    `kind` has the raw table (entity), what staging calls its id, the mart and what it calls the id, and, where not every
    document has a row in the mart, the condition (is_published) on the row of staging. -#}
{% macro documents_counted(kind) -%}
    {%- set is_lost -%}
        published.published_id is null and coalesce({{ kind.is_published | default('true') }}, false)
    {%- endset -%}
    select
        '{{ kind.entity }}' as entity,
        count(*) as n_landed,
        count(case when staged.{{ kind.id }} is null then 1 end) as n_not_staged,
        count(case when {{ is_lost }} then 1 end) as n_not_published,
        min(case when staged.{{ kind.id }} is null or ({{ is_lost }}) then landed.document_id end)
            as example_document_id
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
{%- endmacro %}
