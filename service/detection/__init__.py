"""The detectors: arithmetic only. No I/O, no clock, no framework."""
