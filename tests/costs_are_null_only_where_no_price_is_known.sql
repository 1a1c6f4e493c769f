-- A cost that is not known is null and named so; it is never 0 in disguise.
select
    message_id,
    cost_source,
    cost_usd
from {{ ref('message_costs') }}
where
    (cost_source = 'unpriced') != (cost_usd is null)
    or (cost_source = 'free' and cost_usd != 0)
    or (cost_source = 'recorded' and cost_usd != cost_recorded_usd)
    or (cost_source in ('estimated', 'free') and cost_recorded_usd != 0)
