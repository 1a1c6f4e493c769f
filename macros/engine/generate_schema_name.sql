{#
    A custom schema is used as it is named (staging, intermediate, elementary); without one a relation
    goes to the target's own schema. dbt's default would write main_staging.
#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
