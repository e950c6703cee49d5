"""Postgres: the engine, sessions, migrations and the embedded server."""
