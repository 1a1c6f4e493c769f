{#- Nothing can be said of a budget whose project is in no table: a typing error, or a project
    of another machine. -#}
{{ config(severity='warn') }}
select budget_name
from {{ ref('budget_status') }}
where not is_known_project
