-- Where a provider or OpenCode recorded a total, the normalized tokens add up to it. It warns, as
-- gateways may count in ways of their own.
{{ config(severity='warn') }}

select
    message_id,
    provider_id,
    model_id,
    tokens_total,
    tokens_total_recorded
from {{ ref('messages') }}
where tokens_total_recorded > 0 and tokens_total != tokens_total_recorded
