"""What only a contributor runs."""
