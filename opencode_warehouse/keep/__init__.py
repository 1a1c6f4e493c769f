"""What is kept of a warehouse, and what is not: copies, backups, releases, old texts."""
