{#
    Elementary's tests that work on DuckDB, by name and switched off, so that the project's YAML reads the same with
    and without the package. Naming kwargs makes a macro take every argument the real test takes.
#}

{% test volume_anomalies(model) %}
    {{ config(enabled=false) }}
    {% do kwargs %}
    select 1 as off where 1 = 0
{% endtest %}

{% test volume_threshold(model) %}
    {{ config(enabled=false) }}
    {% do kwargs %}
    select 1 as off where 1 = 0
{% endtest %}

{% test freshness_anomalies(model) %}
    {{ config(enabled=false) }}
    {% do kwargs %}
    select 1 as off where 1 = 0
{% endtest %}

{% test event_freshness_anomalies(model) %}
    {{ config(enabled=false) }}
    {% do kwargs %}
    select 1 as off where 1 = 0
{% endtest %}

{% test column_anomalies(model) %}
    {{ config(enabled=false) }}
    {% do kwargs %}
    select 1 as off where 1 = 0
{% endtest %}

{% test all_columns_anomalies(model) %}
    {{ config(enabled=false) }}
    {% do kwargs %}
    select 1 as off where 1 = 0
{% endtest %}

{% test dimension_anomalies(model) %}
    {{ config(enabled=false) }}
    {% do kwargs %}
    select 1 as off where 1 = 0
{% endtest %}

{% test schema_changes(model) %}
    {{ config(enabled=false) }}
    {% do kwargs %}
    select 1 as off where 1 = 0
{% endtest %}

{% test schema_changes_from_baseline(model) %}
    {{ config(enabled=false) }}
    {% do kwargs %}
    select 1 as off where 1 = 0
{% endtest %}

{% test data_freshness_sla(model) %}
    {{ config(enabled=false) }}
    {% do kwargs %}
    select 1 as off where 1 = 0
{% endtest %}

{% test exposure_schema_validity(model) %}
    {{ config(enabled=false) }}
    {% do kwargs %}
    select 1 as off where 1 = 0
{% endtest %}
