{#
    Elementary keeps the results of tests only where its own materialization runs them, and a package may not
    override dbt's. Without the package this is dbt's own.
#}
{% materialization test, default %}
    {% if elementary is defined and elementary.materialization_test_default is defined %}
        {% do return(elementary.materialization_test_default()) %}
    {% endif %}
    {% do return(dbt.materialization_test_default()) %}
{% endmaterialization %}
