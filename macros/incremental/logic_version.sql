{#- What an incremental model is made by: the files of the model and of all models before it, and every macro of this
    project. Where it is another than the model was built by, the model is built anew as a whole, so that no warehouse
    holds figures of two versions of the project. -#}
{% macro logic_version() -%}
    {%- if not execute -%}
        {%- do return('') -%}
    {%- endif -%}
    {%- set versions = kept_for_this_run('logic_versions') -%}
    {%- if model.unique_id not in versions -%}
        {%- set logic = [macros_version(), var('reporting_timezone')] -%}
        {%- for id in upstream_of(model.unique_id) | sort if id.startswith('model.') -%}
            {%- do logic.append(graph.nodes[id].checksum.checksum) -%}
        {%- endfor -%}
        {%- do versions.update({model.unique_id: local_md5(logic | join(','))}) -%}
    {%- endif -%}
    {%- do return(versions[model.unique_id]) -%}
{%- endmacro %}

{#- A checksum of every macro of this project. -#}
{% macro macros_version() -%}
    {%- set kept = kept_for_this_run('macros') -%}
    {%- if 'version' not in kept -%}
        {%- set texts = [] -%}
        {%- for name, generator in context['opencode_warehouse'].items() | sort(attribute='0') -%}
            {%- if generator.macro is defined -%}
                {%- do texts.append(generator.macro.macro_sql) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- do kept.update({'version': local_md5(texts | join('\n'))}) -%}
    {%- endif -%}
    {%- do return(kept.version) -%}
{%- endmacro %}

{#- A dictionary that all models of one run share. dbt has no place of its own for such a thing; `graph` is one object
    for all of them, and the id of the run keeps those of two runs in one process apart. -#}
{% macro kept_for_this_run(name) -%}
    {%- do return(graph.setdefault('opencode_warehouse', {}).setdefault(invocation_id, {}).setdefault(name, {})) -%}
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
    {%- do return(noted_versions().get(this.name) != logic_version()) -%}
{%- endmacro %}

{#- By which logic each model was built before this run. -#}
{% macro noted_versions() -%}
    {%- set noted = kept_for_this_run('noted_versions') -%}
    {%- set builds = builds_relation() -%}
    {%- if not noted and adapter.get_relation(builds.database, builds.schema, builds.identifier) is not none -%}
        {%- for row in run_query('select model_name, logic_version from ' ~ builds).rows -%}
            {%- do noted.update({row[0]: row[1]}) -%}
        {%- endfor -%}
        {%- do noted.update({'': ''}) -%}
    {%- endif -%}
    {%- do return(noted) -%}
{%- endmacro %}
