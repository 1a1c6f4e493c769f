select
    anomalies.usage_date,
    round(anomalies.cost_usd, 4) as cost_usd,
    anomalies.tokens_unpriced,
    round(anomalies.baseline_usd, 4) as usual_usd,
    round(anomalies.cost_to_baseline_ratio, 1) as times_usual,
    projects.display_name as top_repository,
    anomalies.top_model_id as top_model
from {{ ref('cost_anomalies') }} as anomalies
left join {{ ref('projects') }} as projects
    on anomalies.top_project_id = projects.project_id
order by anomalies.usage_date desc
