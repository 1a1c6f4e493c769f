{#- The ids of the project's tests, but for those of the health checks themselves: they are run after the checks. -#}
{% macro judged_tests() -%}
    {%- set ids = [] -%}
    {%- if execute -%}
        {%- set quality_ids = [] -%}
        {%- for node in graph.nodes.values() if node.resource_type == 'model' and 'quality' in node.tags -%}
            {%- do quality_ids.append(node.unique_id) -%}
        {%- endfor -%}
        {%- for node in graph.nodes.values()
            if node.resource_type == 'test' and node.package_name == project_name
            and not (node.depends_on.nodes | select('in', quality_ids) | list)
        -%}
            {%- do ids.append(node.unique_id) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- do return(ids | sort) -%}
{%- endmacro %}
