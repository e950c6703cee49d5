"""Swerve: a REST microservice that notices when a user's interests swerve."""

import os

# ONNX Runtime reports to its maker unless it is told otherwise before it is imported; users' behaviour is no one's
# business but the operator's.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"
