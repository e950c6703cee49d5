"""Deliveries of webhooks: from the outbox to the receivers."""
