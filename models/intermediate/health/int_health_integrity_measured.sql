with

messages as (

    select message_id
    from {{ ref('messages') }}

),

parts as (

    select
        parts.part_id,
        parts.is_orphan,
        messages.message_id is null as is_message_gone
    from {{ ref('parts') }} as parts
    left join messages
        on parts.message_id = messages.message_id

),

exchanges as (

    select
        exchange_id,
        coalesce(user_message_id, exchange_id) as turn_id
    from {{ ref('exchanges') }}

),

turns as (

    select
        turn_id,
        count(*) as n_exchanges
    from exchanges
    group by turn_id

),

keys as (

    select
        coalesce(sum(n_values), 0) as n_checked,
        coalesce(sum(n_values - n_distinct), 0) as n_failed,
        {{ sorted_values('case when n_values > n_distinct then column_name end') }} as failing
    from {{ ref('int_health_keys_counted') }}

),

references_summed as (

    select
        coalesce(sum(n_references), 0) as n_checked,
        coalesce(sum(n_dangling), 0) as n_failed,
        {{ sorted_values('case when n_dangling > 0 then reference_name end') }} as failing
    from {{ ref('int_health_references_counted') }}

),

documents as (

    select
        coalesce(sum(n_landed), 0) as n_checked,
        coalesce(sum(n_not_staged + n_not_published), 0) as n_failed,
        {{ sorted_values(
            "case when n_not_staged + n_not_published > 0 then entity || ' (such as ' || example_document_id || ')' end"
        ) }} as failing
    from {{ ref('int_health_documents_counted') }}

),

measured as (

    select
        {{ health_measure('orphan_parts', 'is_orphan != is_message_gone', example='part_id') }}
    from parts

    union all

    select
        {{ health_measure(
            'duplicate_exchanges', 'n_exchanges > 1', n_checked='coalesce(sum(n_exchanges), 0)', example='turn_id'
        ) }}
    from turns

    union all

    select
        {{ health_measure(
            'duplicate_keys', n_checked='max(n_checked)', n_failed='max(n_failed)', note='max(failing)'
        ) }}
    from keys

    union all

    select
        {{ health_measure(
            'foreign_keys', n_checked='max(n_checked)', n_failed='max(n_failed)', note='max(failing)'
        ) }}
    from references_summed

    union all

    select {{ health_measure('exchanges_add_up', 'is_different', example='session_id') }}
    from {{ ref('int_health_sessions_compared') }}

    union all

    select
        {{ health_measure(
            'nothing_lost', n_checked='max(n_checked)', n_failed='max(n_failed)', note='max(failing)'
        ) }}
    from documents

    union all

    select {{ health_measure('forks_counted_once', 'is_disowned', example='example_message_id') }}
    from {{ ref('int_health_steps_owned') }}

)

select * from measured
