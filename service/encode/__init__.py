"""`POST /encode`."""
