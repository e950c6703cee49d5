"""Requests under an `Idempotency-Key`: carried out once, and answered alike however often they are sent."""
