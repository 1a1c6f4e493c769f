{#- What an incremental model is made by: the files of the model and of all models before it, and the macros of this
    project that they use. Where it is another than the model was built by, the model is built anew as a whole, so that no warehouse
    holds figures of two versions of the project. -#}
{% macro logic_version() -%}
    {%- if not execute -%}
        {%- do return('') -%}
    {%- endif -%}
    {%- set versions = kept_for_this_run('logic_versions') -%}
    {%- if model.unique_id not in versions -%}
        {%- set logic = [var('reporting_timezone')] -%}
        {%- set macros = [] -%}
        {%- for id in upstream_of(model.unique_id) | sort if id.startswith('model.') -%}
            {%- do logic.append(graph.nodes[id].checksum.checksum) -%}
            {%- do macros.extend(graph.nodes[id].depends_on.macros) -%}
        {%- endfor -%}
        {%- do logic.append(macros_version(macros)) -%}
        {%- do versions.update({model.unique_id: local_md5(logic | join(','))}) -%}
    {%- endif -%}
    {%- do return(versions[model.unique_id]) -%}
{%- endmacro %}

{#- A checksum of macros and of all that they call, without their comments. What dispatch may choose counts, and so does all
    of macros/incremental, which no model calls by name. -#}
{% macro macros_version(unique_ids) -%}
    {%- set texts, callees = macros_of_this_project() -%}
    {%- set used = callees['incremental'] + unique_ids -%}
    {%- set counted = {} -%}
    {%- for id in used if id in texts and id not in counted -%}
        {%- do counted.update({id: texts[id]}) -%}
        {%- do used.extend(callees[id]) -%}
    {%- endfor -%}
    {%- do return(local_md5(counted.items() | sort | map('join', '\n') | join('\n'))) -%}
{%- endmacro %}

{#- The text of each macro of this project, and the ids of the macros that each may call; `incremental` for those of
    macros/incremental. -#}
{% macro macros_of_this_project() -%}
    {%- set kept = kept_for_this_run('macros') -%}
    {%- if not kept -%}
        {%- set texts, callees = {}, {'incremental': []} -%}
        {%- for name, generator in context['opencode_warehouse'].items() if generator.macro is defined -%}
            {%- set macro = generator.macro -%}
            {%- do texts.update({macro.unique_id: modules.re.sub('(?s)\{#.*?#\}', '', macro.macro_sql)}) -%}
            {%- do callees.setdefault(macro.unique_id, []).extend(macro.depends_on.macros) -%}
            {%- if '__' in name -%}
                {%- set dispatcher = macro.unique_id | replace(name, name.split('__')[1]) -%}
                {%- do callees.setdefault(dispatcher, []).append(macro.unique_id) -%}
            {%- endif -%}
            {%- if macro.original_file_path.startswith('macros/incremental/') -%}
                {%- do callees['incremental'].append(macro.unique_id) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- do kept.update({'texts': texts, 'callees': callees}) -%}
    {%- endif -%}
    {%- do return((kept.texts, kept.callees)) -%}
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
