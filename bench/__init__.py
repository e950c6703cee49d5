"""Benchmarks and demonstrations on real data; no part of the service."""
