select
    split_part(file_path, '/', -1) as file_name,
    count(case when operation = 'read' then 1 end) as times_read,
    count(distinct session_id) as sessions,
    count(case when operation != 'read' then 1 end) as times_changed
from {{ ref('file_operations') }}
where not is_fork_copy and not coalesce(is_directory, false)
group by file_path
order by times_read desc, file_path asc
limit 10
