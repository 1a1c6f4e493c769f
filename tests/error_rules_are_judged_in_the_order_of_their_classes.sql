-- Error name, provider code, message, HTTP status, tool and message: the thousands of a priority.
select
    rule_id,
    rule_class,
    priority
from {{ ref('error_rules') }}
where
    floor(priority / 1000) != case rule_class
        when 'error_name' then 1
        when 'provider_code' then 2
        when 'message' then 3
        when 'http_status' then 4
        when 'tool_message' then 5
    end
