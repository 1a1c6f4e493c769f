{{ incremental_states() }}

with

messages as (

    select
        source_id,
        message_id,
        session_id,
        load_batch_id
    from {{ ref('stg_opencode__messages') }}

    union all

    select
        source_id,
        message_id,
        session_id,
        load_batch_id
    from {{ ref('stg_opencode__session_messages') }}

),

-- Stores may disagree about where a message is.
places as (

    select distinct
        message_id,
        session_id
    from messages

),

-- a part belongs where its message is
parts as (

    select
        parts.source_id,
        parts.part_id,
        coalesce(places.session_id, parts.session_id) as session_id,
        parts.load_batch_id
    from {{ ref('stg_opencode__parts') }} as parts
    left join places
        on parts.message_id = places.message_id

),

part_places as (

    select distinct
        part_id,
        session_id
    from parts

),

documents as (

    select
        places.session_id,
        messages.source_id,
        messages.message_id as document_id,
        messages.load_batch_id
    from messages
    inner join places
        on messages.message_id = places.message_id

    union all

    select
        part_places.session_id,
        parts.source_id,
        parts.part_id as document_id,
        parts.load_batch_id
    from parts
    inner join part_places
        on parts.part_id = part_places.part_id

    union all

    select
        session_id,
        source_id,
        session_id as document_id,
        load_batch_id
    from {{ ref('stg_opencode__sessions') }}

),

hashed as (

    select
        session_id,
        {{ rows_hash(['source_id', 'document_id', 'load_batch_id']) }} as state_hash
    from documents
    where session_id is not null
    group by session_id

),

{{ noted_changes('hashed') }}

select * from noted
