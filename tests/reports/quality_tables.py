"""The tables of the quality models, as they are promised to the pages, for warehouses made by hand."""

import duckdb

TABLES = """
create table if not exists health_check_trends (
    check_id varchar, name varchar, family varchar, question varchar, status varchar, severity varchar,
    value double, unit varchar, threshold double, direction varchar, n_checked bigint, n_failed bigint,
    details varchar, remedy varchar, checked_at timestamp, build_id varchar, since timestamp,
    n_builds_in_status bigint, previous_status varchar, previous_value double, trend varchar, n_builds bigint
);
create table if not exists health_check_history (
    build_id varchar, checked_at timestamp, check_id varchar, name varchar, family varchar, status varchar,
    severity varchar, value double, threshold double, n_checked bigint, n_failed bigint, details varchar
);
create table if not exists data_completeness (
    table_name varchar, column_name varchar, opencode_version varchar, n_rows bigint, n_with_value bigint,
    share double
);
create table if not exists load_health (
    source_id varchar, machine varchar, kind varchar, root varchar, is_sample boolean, status varchar,
    message varchar, last_loaded_at timestamp, hours_since_load double, n_documents bigint,
    n_new_today bigint, n_new_per_day double, n_rejected_open bigint, newest_document_at timestamp
);
create table if not exists rejected_documents (
    rejected_document_id varchar, source_id varchar, entity varchar, origin varchar, document_id varchar,
    reason varchar, detail varchar, position bigint, size_bytes bigint, first_seen_at timestamp,
    last_seen_at timestamp, resolved_at timestamp, resolution varchar, is_open boolean
);
create table if not exists query_timings (
    query_name varchar, measured_at timestamp, n_runs bigint, median_ms double, p95_ms double,
    threshold_ms double, n_rows bigint, uses_index boolean
);
"""


def add_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the tables that are not there."""
    connection.execute(TABLES)
