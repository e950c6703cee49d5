"""The encoder: texts in, unit vectors out. `contract` is all that the rest of the service needs to know."""

from service.encoder.contract import Encoded, Encoder, EncoderSaturatedError, ModelInfo, Permit
from service.encoder.engine import OnnxEncoder
from service.encoder.errors import EncoderClosedError, EncodingFailedError, ModelFolderError
from service.encoder.fake import FakeEncoder
from service.encoder.manifest import Manifest, read_manifest
from service.encoder.stats import EncoderStats

__all__ = [
    "Encoded",
    "Encoder",
    "EncoderClosedError",
    "EncoderSaturatedError",
    "EncoderStats",
    "EncodingFailedError",
    "FakeEncoder",
    "Manifest",
    "ModelFolderError",
    "ModelInfo",
    "OnnxEncoder",
    "Permit",
    "read_manifest",
]
