"""The database's schema, step by step. Run by `service.database.migrate`; a new step: `python -m migrations TITLE`."""
