{{ incremental_states() }}

with

documents as (

    select
        session_id,
        state_hash
    from {{ ref('int_session_documents') }}
    where state_hash != 'gone'

),

sessions as (

    select *
    from {{ ref('sessions') }}

),

messages as (

    select
        message_id,
        session_id,
        parent_message_id,
        role,
        provider_id,
        model_name,
        resolved_created_at
    from {{ ref('int_messages_timed') }}

),

-- What else decides a session's rows stands in other sessions, or in tables of reference.
influences as (

    select
        session_id,
        'documents' as influence,
        state_hash as detail
    from documents

    union all

    select
        session_id,
        'session' as influence,
        {{ row_hash('sessions') }} as detail
    from sessions

    union all

    select
        session_id,
        'copy' as influence,
        message_id as detail
    from {{ ref('int_messages_fork_marked') }}
    where is_fork_copy

    union all

    select distinct
        messages.session_id,
        'cache writes' as influence,
        messages.provider_id || '/' || messages.model_name as detail
    from messages
    inner join {{ ref('int_models_with_cache_writes') }} as models
        on
            messages.provider_id = models.provider_id
            and messages.model_name = models.model_name

    union all

    -- a copy of OpenCode 1.0 names the original's user message
    select
        messages.session_id,
        'parent' as influence,
        concat_ws(
            '|',
            messages.message_id,
            parents.message_id,
            parents.role,
            cast(parents.resolved_created_at as {{ dbt.type_string() }})
        ) as detail
    from messages
    inner join messages as parents
        on messages.parent_message_id = parents.message_id
    where messages.session_id != parents.session_id

    union all

    select
        parts.session_id,
        'child' as influence,
        concat_ws('|', parts.part_id, children.session_id, children.agent) as detail
    from {{ ref('int_parts_deduplicated') }} as parts
    inner join {{ ref('stg_opencode__parts') }} as staged
        on
            parts.part_id = staged.part_id
            and parts.source_id = staged.source_id
    inner join sessions as children
        on staged.child_session_id = children.session_id
    where staged.child_session_id is not null

),

hashed as (

    select
        session_id,
        {{ rows_hash(['influence', 'detail']) }} as own_hash
    from influences
    where session_id is not null
    group by session_id

),

reference_rows as (
    {% for name in [
        'int_model_prices_unioned', 'error_rules', 'error_categories', 'error_word_weights',
        'tool_families', 'model_vendors'
    ] %}
        select
            '{{ name }}' as reference_name,
            {{ row_hash(name) }} as detail
        from {{ ref(name) }} as {{ name }}
        {{ 'union all' if not loop.last }}
    {% endfor %}

),

-- One row: what prices and rules say.
referred as (

    select {{ rows_hash(['reference_name', 'detail']) }} as reference_hash
    from reference_rows

),

states as (

    select
        hashed.session_id,
        concat_ws('|', hashed.own_hash, referred.reference_hash) as state_hash
    from hashed
    cross join referred

),

{{ noted_changes('states') }}

select * from noted
