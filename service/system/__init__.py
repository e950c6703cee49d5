"""Health, readiness, and what is loaded."""
