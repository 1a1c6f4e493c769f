select
    model_id,
    error_category,
    count(*) as errors
from {{ ref('errors') }}
where not is_fork_copy and locus = 'provider' and not is_consequence
group by model_id, error_category
order by errors desc, model_id asc, error_category asc
limit 20
