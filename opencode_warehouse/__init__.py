"""What people run: build a warehouse, keep it, tell what is in it."""
