select
    count(*) as operations,
    count(git_branch) as with_branch,
    count(git_commit) as with_commit,
    count(git_diff) as with_diff
from {{ ref('file_operations') }}
where not is_fork_copy
