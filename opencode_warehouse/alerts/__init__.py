"""Tells people when a health check begins to fail and when that is over, once each."""
