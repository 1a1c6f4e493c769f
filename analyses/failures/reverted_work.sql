select
    count(distinct session_id) as sessions,
    count(*) as orphan_parts,
    round(coalesce(sum(part_cost_usd), 0), 4) as recorded_usd
from {{ ref('parts') }}
where is_orphan
