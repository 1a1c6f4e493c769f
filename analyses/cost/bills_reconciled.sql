select
    invoice_id,
    provider_id,
    model_name,
    period_begins_on,
    period_ends_on,
    round(billed_usd, 4) as billed_usd,
    round(stored_usd, 4) as stored_usd,
    tokens_unpriced,
    round(difference_share, 4) as difference_share,
    verdict
from {{ ref('billing_reconciliation') }}
order by period_begins_on desc, bill_line_id asc
