"""Differential privacy of vectors that leave the service: the noise and what it costs. No I/O."""
