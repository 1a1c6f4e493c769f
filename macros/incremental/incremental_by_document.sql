{#- Staging models that take what was landed since they were built last: a document each row, told by the batch that landed
    it. Of a source that is no longer there nothing is kept. -#}
{% macro incremental_by_document(id) -%}
    {{ config(
        materialized='incremental',
        incremental_strategy='landed_documents',
        unique_key=['source_id', id],
        on_schema_change='fail',
        post_hook="{{ note_built(none) }}",
    ) }}
{%- endmacro %}

{#- The condition on raw documents that were landed since. A batch that is in staging never goes on: whoever lands more
    begins a new one. -#}
{% macro is_landed_since() -%}
    {%- if is_partial_build() -%}
    load_batch_id > (select coalesce(max(load_batch_id), 0) from {{ this }})
    {%- else -%}
    true
    {%- endif -%}
{%- endmacro %}

{% macro get_incremental_landed_documents_sql(arguments) -%}
    {%- set columns = get_quoted_csv(arguments.dest_columns | map(attribute='name')) -%}
    delete from {{ arguments.target_relation }}
    where source_id not in (select source_id from {{ source('opencode', 'sources') }});

    {{ delete_replaced(arguments.target_relation, arguments.temp_relation, arguments.unique_key) }};

    insert into {{ arguments.target_relation }} ({{ columns }})
    select {{ columns }}
    from {{ arguments.temp_relation }}
{%- endmacro %}
