{#- For a model that puts long texts together, which an engine does in memory: where it is built as a whole, it is built a
    share of the sessions at a time. The model reads `where {{ is_of_share() }}`, which is of the first share, and calls
    `insert_other_shares()` as a post hook. `int_session_shares` says which session is of which share. -#}
{% macro is_of_share() -%}
    {%- if execute and (this is none or is_partial_build()) -%}
    1 = 1
    {%- else -%}
    session_id in (select session_id from {{ ref('int_session_shares') }} where share = /* share */ 0)
    {%- endif -%}
{%- endmacro %}

{% macro insert_other_shares() -%}
    {%- set first = 'share = /* share */ 0' -%}
    {%- if execute and first in (model.compiled_code or '') -%}
        {%- set columns = get_quoted_csv(model.columns.keys()) -%}
        {%- set shares = run_query('select max(share) from ' ~ ref('int_session_shares')).rows[0][0] or 0 -%}
        {%- for share in range(1, shares + 1) %}
    insert into {{ this }} ({{ columns }})
    select {{ columns }}
    from (
        {{ model.compiled_code | replace(first, 'share = ' ~ share) }}
    ) as of_share;
        {% endfor -%}
    {%- endif -%}
    select 1 as is_done
{%- endmacro %}
