{#- For each kind of document: how staging and the mart name its id, and which of them have a row in
    the mart. Of the diff of a session that OpenCode deleted nothing else may tell. -#}
{%- set kinds = [
    {
        'entity': 'projects', 'id': 'project_id', 'mart': 'project_aliases',
        'mart_id': 'opencode_project_id',
    },
    {'entity': 'sessions', 'id': 'session_id', 'mart': 'sessions', 'mart_id': 'session_id'},
    {'entity': 'messages', 'id': 'message_id', 'mart': 'messages', 'mart_id': 'message_id'},
    {
        'entity': 'session_messages', 'id': 'message_id', 'mart': 'messages', 'mart_id': 'message_id',
        'is_published': "staged.message_type not in ('agent-switched', 'model-switched')",
    },
    {'entity': 'parts', 'id': 'part_id', 'mart': 'parts', 'mart_id': 'part_id'},
    {
        'entity': 'todos', 'id': 'session_id', 'mart': 'todos', 'mart_id': 'source_session_id',
        'is_published': 'staged.n_todos > 0',
    },
    {
        'entity': 'session_diffs', 'id': 'session_id', 'mart': 'sessions', 'mart_id': 'session_id',
        'is_published': 'false',
    },
] -%}

with

counted as (
    {% for kind in kinds %}
        {{ documents_counted(kind) | indent(8) }}
        {{ 'union all' if not loop.last }}
    {% endfor %}

)

select * from counted
