"""Snapshots: what was decided about a user, when, and on what it rested."""
