{# The settings for Elementary's models in the root dbt_project.yml need a model to apply to; it is never built. #}
{{ config(enabled=false) }}

select 'off' as elementary_mode
