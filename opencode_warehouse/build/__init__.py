"""From what is loaded to what is released: dbt, its results, timings, compaction."""
