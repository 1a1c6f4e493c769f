with

budgets as (

    select
        budget_name,
        project,
        as_of_date,
        period_begins_on
    from {{ ref('int_budgets_dated') }}

),

projects as (

    select
        project_id,
        worktree
    from {{ ref('projects') }}

),

days as (

    select
        usage_date,
        dimension_value as project_id,
        tokens_unpriced,
        cost_recorded_usd,
        cost_usd
    from {{ ref('daily_usage') }}
    where dimension = 'project'

),

-- A budget names a project by its id or its worktree, which several machines may have.
named as (

    select
        budgets.budget_name,
        projects.project_id
    from budgets
    inner join projects
        on
            budgets.project = projects.project_id
            or {{ normalized_path('budgets.project') }} = projects.worktree

),

known as (

    select
        budgets.budget_name,
        budgets.project is null or count(named.project_id) > 0 as is_known_project
    from budgets
    left join named
        on budgets.budget_name = named.budget_name
    group by budgets.budget_name, budgets.project

),

used as (

    select
        budgets.budget_name,
        budgets.as_of_date = days.usage_date as is_today,
        days.tokens_unpriced,
        days.cost_recorded_usd,
        days.cost_usd
    from budgets
    inner join days
        on
            budgets.period_begins_on <= days.usage_date
            and budgets.as_of_date >= days.usage_date
    left join named
        on
            budgets.budget_name = named.budget_name
            and days.project_id = named.project_id
    where budgets.project is null or named.project_id is not null

),

-- Of an unknown project nothing is known; a known one that was not used has spent nothing.
summed as (

    {% set counts = 'not known.is_known_project or used.budget_name is not null' -%}
    select
        known.budget_name,
        known.is_known_project,
        {{ total_of('used.tokens_unpriced', where=counts) }} as tokens_unpriced,
        {{ total_recorded_usd('used.cost_recorded_usd', where=counts) }} as spent_recorded_usd,
        {{ total_usd('used.cost_usd', 'used.tokens_unpriced', where=counts) }} as spent_usd,
        {{ total_usd(
            'used.cost_usd',
            'used.tokens_unpriced',
            where='not known.is_known_project or not used.is_today'
        ) }} as spent_before_today_usd,
        {{ total_usd(
            'used.cost_usd',
            'used.tokens_unpriced',
            where='not known.is_known_project or used.is_today'
        ) }} as spent_today_usd
    from known
    left join used
        on known.budget_name = used.budget_name
    group by known.budget_name, known.is_known_project

)

select * from summed
