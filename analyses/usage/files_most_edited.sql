select
    split_part(file_path, '/', -1) as file_name,
    count(*) as edits,
    count(distinct session_id) as sessions,
    sum(additions) as lines_added,
    sum(deletions) as lines_removed
from {{ ref('file_operations') }}
where operation in ('write', 'edit') and not is_fork_copy
group by file_path
order by edits desc, file_path asc
limit 10
