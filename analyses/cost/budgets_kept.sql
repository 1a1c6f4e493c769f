select
    budget_name,
    period,
    budget_status as status,
    round(spent_usd, 4) as spent_usd,
    round(budget_usd, 2) as budget_usd,
    round(projected_usd, 2) as projected_usd,
    period_ends_on,
    tokens_unpriced
from {{ ref('budget_status') }}
order by spent_share desc nulls last, budget_name asc
