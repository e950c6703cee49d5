"""Calibration: a profile of topics and numbers, fitted to an operator's own log without labels."""
