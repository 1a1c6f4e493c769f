select
    forecast_date,
    round(expected_usd, 2) as expected_usd,
    round(low_80_usd, 2) as low_80_usd,
    round(high_80_usd, 2) as high_80_usd,
    round(month_expected_usd, 2) as month_expected_usd,
    round(month_low_80_usd, 2) as month_low_80_usd,
    round(month_high_80_usd, 2) as month_high_80_usd,
    is_month_end,
    history_tokens_unpriced
from {{ ref('spend_forecast') }}
where expected_usd is not null
order by forecast_date asc
