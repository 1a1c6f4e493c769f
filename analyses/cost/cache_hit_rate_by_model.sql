select
    dimension_value as model_id,
    sum(tokens_input + tokens_cache_read + tokens_cache_write) as tokens_of_input,
    round(
        sum(tokens_cache_read)
        / nullif(sum(tokens_input + tokens_cache_read + tokens_cache_write), 0), 3
    ) as cache_hit_rate,
    round(
        sum(tokens_cache_write)
        / nullif(sum(tokens_input + tokens_cache_read + tokens_cache_write), 0), 3
    ) as cache_write_rate
from {{ ref('daily_usage') }}
where dimension = 'model'
group by dimension_value
order by tokens_of_input desc nulls last, model_id asc
