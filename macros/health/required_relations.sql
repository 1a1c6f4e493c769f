{#- The names of the tables, views and indexes of the project, as `existing_relations` writes them. The quality models are
    not among them: while they are built they may not be there yet. -#}
{% macro required_relations() -%}
    {%- set names = [] -%}
    {%- if execute -%}
        {%- for node in graph.nodes.values()
            if node.resource_type in ('model', 'seed') and node.package_name == project_name
            and 'quality' not in node.tags and node.config.materialized != 'ephemeral'
        -%}
            {%- do names.append(node.schema ~ '.' ~ node.name) -%}
            {%- for index in node.config.get('indexes') or [] -%}
                {%- do names.append(node.schema ~ '.' ~ node.name ~ '(' ~ (index.columns | join(', ')) ~ ')') -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endif -%}
    {%- do return(names | sort) -%}
{%- endmacro %}
