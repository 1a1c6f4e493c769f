"""Report pages: Markdown files with SQL in fences, rendered to HTML and Markdown that stand alone."""
