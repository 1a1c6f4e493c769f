"""Elementary's page of all models, tests, runs and lineage, with and without Elementary's dbt package."""
