{#- Gives a build the memory that its largest documents ask for, unless OPENCODE_MEMORY says how much there is to be.
    DuckDB parses 2,048 documents at a time on each of two threads, and a parsed one takes some four times its length. -#}
{% macro memory_for_documents() -%}
    {%- if execute and not env_var('OPENCODE_MEMORY', '') -%}
        {{ adapter.dispatch('memory_for_documents', 'opencode_warehouse')(source('opencode', 'parts')) }}
    {%- endif -%}
    select 1 as is_done
{%- endmacro %}

{% macro default__memory_for_documents(documents) -%}
    {%- if load_relation(documents) is not none -%}
        {%- set largest -%}
            select cast(ceil(coalesce(max(n_bytes), 0) / 1000000) as bigint)
            from (select sum(size_bytes) as n_bytes from {{ documents }} group by rowid // 2048)
        {%- endset -%}
        {%- set megabytes = [1200, 600 + 9 * run_query(largest).rows[0][0]] | max -%}
        {%- do run_query("set memory_limit = '" ~ megabytes ~ "MB'") -%}
    {%- endif -%}
{%- endmacro %}
