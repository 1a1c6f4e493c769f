"""The benchmark of the warehouse: grown stores, floors to compare with, targets, a report."""
