{#- What an incremental model is made by: the files of the model and of all models before it, and every macro of this
    project. Where it is another than the model was built by, the model is built anew as a whole, so that no warehouse
    holds figures of two versions of the project. -#}
{% macro logic_version() -%}
    {%- set logic = [] -%}
    {%- if execute -%}
        {%- for id in upstream_of(model.unique_id) | sort -%}
            {%- set node = graph.nodes.get(id) -%}
            {%- if node is not none and node.resource_type == 'model' -%}
                {%- do logic.append(node.checksum.checksum) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- for name, generator in context['opencode_warehouse'].items() | sort(attribute='0') -%}
            {%- if generator.macro is defined -%}
                {%- do logic.append(generator.macro.macro_sql) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- do logic.append(var('reporting_timezone')) -%}
    {%- endif -%}
    {%- do return(local_md5(logic | join('\n'))) -%}
{%- endmacro %}

{#- The ids of a node and of all nodes that it is made of. -#}
{% macro upstream_of(unique_id) -%}
    {%- set ids = [unique_id] -%}
    {%- for id in ids -%}
        {%- for before in (graph.nodes.get(id) or {}).get('depends_on', {}).get('nodes', []) -%}
            {%- if before not in ids -%}
                {%- do ids.append(before) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- do return(ids) -%}
{%- endmacro %}

{#- Whether this run builds all models before this one too: else nobody knows by which logic they were built. -#}
{% macro is_upstream_built() -%}
    {%- set left_out = [] -%}
    {%- if execute -%}
        {%- for id in upstream_of(model.unique_id) if id.startswith('model.') and id not in selected_resources -%}
            {%- do left_out.append(id) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- do return(not left_out) -%}
{%- endmacro %}

{#- Overrides dbt's: an incremental model that other logic has built is built as a whole. -#}
{% macro should_full_refresh() -%}
    {%- set wanted = config.get('full_refresh') -%}
    {%- if wanted is none -%}
        {%- set wanted = flags.FULL_REFRESH -%}
    {%- endif -%}
    {%- do return(wanted or is_of_other_logic()) -%}
{%- endmacro %}

{% macro is_of_other_logic() -%}
    {%- if not execute or config.get('materialized') != 'incremental' or model.package_name != 'opencode_warehouse'
        or not config.get('post_hook') -%}
        {%- do return(false) -%}
    {%- endif -%}
    {%- set built_by = run_query(
        "select logic_version from " ~ builds_relation() ~ " where model_name = '" ~ this.name ~ "'"
    ) -%}
    {%- do return(built_by.rows | length == 0 or built_by.rows[0][0] != logic_version()) -%}
{%- endmacro %}
