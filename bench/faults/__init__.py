"""What faults cost: the service and its Postgres killed again and again under load. See `__main__`."""
