"""Swerve: a REST microservice that notices when a user's interests swerve."""

__version__ = "0.1.0"
