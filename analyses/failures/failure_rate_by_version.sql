select
    sessions.version,
    count(*) as finished,
    count(case when tool_calls.status != 'success' then 1 end) as failed,
    round(
        count(case when tool_calls.status != 'success' then 1 end) * 1.0 / count(*), 3
    ) as failure_rate
from {{ ref('tool_calls') }} as tool_calls
inner join {{ ref('sessions') }} as sessions
    on tool_calls.session_id = sessions.session_id
where not tool_calls.is_fork_copy and tool_calls.status != 'running'
group by sessions.version, sessions.version_sort_key
order by finished desc, sessions.version_sort_key desc nulls last, sessions.version desc
