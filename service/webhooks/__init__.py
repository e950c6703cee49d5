"""Webhooks: who is told of changes, where, and signed by which secret."""
