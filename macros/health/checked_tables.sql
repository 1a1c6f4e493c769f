{#- The public tables that the integrity checks go through, each with its columns and its declared keys. A model that
    calls it must name them in `depends_on`, which `depend_on_checked_tables` writes: dbt learns of a dependency only
    from a `ref` that it meets while parsing, when the tests are not known yet.

    Tables that are not in the warehouse are left out: the check `relations_present` tells of them. -#}
{% macro checked_table_names() -%}
    {%- do return([
        'agents', 'attachments', 'billing_reconciliation', 'budget_status', 'compactions', 'cost_anomalies',
        'daily_stats', 'daily_usage', 'delegations', 'errors', 'exchange_traces', 'exchanges', 'file_operations',
        'git_events', 'message_costs', 'messages', 'models', 'parts', 'patches', 'problem_categories',
        'problem_resolutions', 'problems', 'project_aliases', 'projects', 'requested_agents',
        'session_resource_metrics', 'session_stats', 'session_traces', 'sessions', 'spend_forecast', 'step_events',
        'text_messages', 'thinking_blocks', 'todos', 'tool_calls', 'tools'
    ]) -%}
{%- endmacro %}

{% macro depend_on_checked_tables() -%}
    {%- for name in checked_table_names() %}
    -- depends_on: {{ ref(name) }}
    {%- endfor %}
{%- endmacro %}

{% macro checked_tables() -%}
    {%- set tables = [] -%}
    {%- if execute -%}
        {%- for node in graph.nodes.values() | sort(attribute='name')
            if node.resource_type == 'model' and node.fqn[1] == 'marts' and node.fqn[2] != 'health'
        -%}
            {%- if node.name not in checked_table_names() -%}
                {%- do exceptions.raise_compiler_error(
                    'The model ' ~ node.name ~ ' is checked by no health check of integrity: '
                    ~ 'add it to macros/health/checked_tables.sql.'
                ) -%}
            {%- endif -%}
            {%- if load_relation(ref(node.name)) is not none -%}
                {%- do tables.append(node) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {%- do return(tables) -%}
{%- endmacro %}

{#- The declared tests of a kind on those tables: `unique` for their keys, `relationships` for their references. -#}
{% macro declared_tests(kind) -%}
    {%- set found = [] -%}
    {%- set ids = checked_tables() | map(attribute='unique_id') | list -%}
    {%- if execute -%}
        {%- for node in graph.nodes.values() | sort(attribute='unique_id')
            if node.resource_type == 'test' and node.attached_node in ids
            and (node.test_metadata or {}).name == kind
        -%}
            {%- do found.append({
                'table': graph.nodes[node.attached_node].name,
                'column': node.column_name,
                'where': node.config.where,
                'arguments': node.test_metadata.kwargs,
            }) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- do return(found) -%}
{%- endmacro %}
