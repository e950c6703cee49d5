"""Offline export of a text encoder: source → ONNX → fuse → pool and normalise → quantise → verify.

Importing this package is cheap: torch and transformers are loaded only when an export really runs.
"""

from onnx_export.errors import ExportError
from onnx_export.manifest import Manifest, is_complete, read_manifest
from onnx_export.pipeline import DEFAULT_SOURCE, export

__all__ = ["DEFAULT_SOURCE", "ExportError", "Manifest", "export", "is_complete", "read_manifest"]
