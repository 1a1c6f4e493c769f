select
    target as command,
    count(*) as failed,
    count(case when is_resolved then 1 end) as made_to_work
from {{ ref('problem_resolutions') }}
where tool_name = 'bash'
group by target
order by failed desc, target asc
limit 10
