-- Whoever holds copied messages is a fork.
select
    messages.message_id,
    messages.session_id
from {{ ref('messages') }} as messages
inner join {{ ref('sessions') }} as sessions
    on messages.session_id = sessions.session_id
where messages.is_fork_copy and not sessions.is_fork
