with

sources as (

    select
        source_id,
        machine,
        kind
    from {{ ref('stg_opencode__sources') }}

),

sessions as (

    select *
    from {{ ref('stg_opencode__sessions') }}

),

messages as (

    select
        session_id,
        source_id,
        load_batch_id
    from {{ ref('int_messages_deduplicated') }}

),

ranked as (

    select
        sessions.session_id,
        nullif(sessions.project_id, '') as project_id,
        nullif(sessions.parent_session_id, '') as parent_session_id,
        sessions.title,
        sessions.slug,
        sessions.directory,
        sessions.version,
        sessions.agent,
        sessions.provider_id,
        sessions.model_name,
        sessions.additions,
        sessions.deletions,
        sessions.files_changed,
        sessions.tokens_input_recorded
        + sessions.tokens_output_recorded
        + sessions.tokens_reasoning_recorded
        + sessions.tokens_cache_read_recorded
        + sessions.tokens_cache_write_recorded as tokens_total_recorded,
        sessions.cost_recorded_usd,
        sessions.created_at,
        sessions.updated_at,
        sessions.archived_at,
        sessions.source_id,
        sessions.load_batch_id,
        sessions.deleted_at,
        sources.machine,
        row_number() over (
            partition by sessions.session_id
            order by
                {{ store_preference('sources.kind') }} asc,
                sessions.deleted_at is not null asc,
                sessions.origin_modified_at desc nulls last,
                sessions.source_id asc
        ) as store_rank
    from sessions
    inner join sources
        on sessions.source_id = sources.source_id

),

current_sessions as (

    select * from ranked
    where store_rank = 1

),

-- A session may be known only by its messages or its sub-agents: its document was rejected or is
-- not exported.
named_by_others as (

    select
        session_id,
        source_id,
        load_batch_id
    from messages

    union all

    select
        parent_session_id as session_id,
        source_id,
        load_batch_id
    from current_sessions
    where parent_session_id is not null

),

inferred as (

    select
        named_by_others.session_id,
        min(named_by_others.source_id) as source_id,
        max(named_by_others.load_batch_id) as load_batch_id
    from named_by_others
    left join current_sessions
        on named_by_others.session_id = current_sessions.session_id
    where current_sessions.session_id is null
    group by named_by_others.session_id

),

unioned as (

    select
        session_id,
        project_id as opencode_project_id,
        parent_session_id,
        title,
        slug,
        directory,
        version,
        agent,
        provider_id,
        model_name,
        machine,
        additions,
        deletions,
        files_changed,
        tokens_total_recorded,
        cost_recorded_usd,
        false as is_inferred,
        created_at,
        updated_at,
        archived_at,
        source_id,
        load_batch_id,
        deleted_at
    from current_sessions

    union all

    select
        inferred.session_id,
        cast(null as {{ dbt.type_string() }}) as opencode_project_id,
        cast(null as {{ dbt.type_string() }}) as parent_session_id,
        cast(null as {{ dbt.type_string() }}) as title,
        cast(null as {{ dbt.type_string() }}) as slug,
        cast(null as {{ dbt.type_string() }}) as directory,
        cast(null as {{ dbt.type_string() }}) as version,
        cast(null as {{ dbt.type_string() }}) as agent,
        cast(null as {{ dbt.type_string() }}) as provider_id,
        cast(null as {{ dbt.type_string() }}) as model_name,
        sources.machine,
        cast(null as bigint) as additions,
        cast(null as bigint) as deletions,
        cast(null as bigint) as files_changed,
        cast(null as bigint) as tokens_total_recorded,
        cast(null as decimal(18, 10)) as cost_recorded_usd,
        true as is_inferred,
        cast(null as timestamp) as created_at,
        cast(null as timestamp) as updated_at,
        cast(null as timestamp) as archived_at,
        inferred.source_id,
        inferred.load_batch_id,
        cast(null as timestamp) as deleted_at
    from inferred
    inner join sources
        on inferred.source_id = sources.source_id

)

select * from unioned
