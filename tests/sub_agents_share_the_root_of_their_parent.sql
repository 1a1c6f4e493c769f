-- A sub-agent stands one step below its parent, in the tree of the same root.
select
    children.session_id,
    children.root_session_id,
    parents.root_session_id as parent_root_session_id
from {{ ref('sessions') }} as children
inner join {{ ref('sessions') }} as parents
    on children.parent_session_id = parents.session_id
where
    children.root_session_id != parents.root_session_id
    or children.depth != parents.depth + 1
