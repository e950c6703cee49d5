"""Vectors that leave the service with noise, and the ledger of what they cost."""
