"""Texts to vectors."""

import numpy as np

from service.detect.schemas import ModelRef
from service.encode.schemas import EncodeRequest, EncodeResponse
from service.resources import Resources
from service.wire import to_wire


async def encode(resources: Resources, request: EncodeRequest) -> EncodeResponse:
    """Encode texts.

    Raises:
        EncoderSaturatedError: no room to encode.
    """
    with resources.encoder.admit(len(request.texts)) as permit:
        encoded = await resources.encoder.encode(request.texts, permit)
    info = resources.encoder.info
    return EncodeResponse(
        dim=info.dim,
        vectors=[to_wire(vector, request.encoding_format) for vector in encoded.vectors],
        truncated=np.flatnonzero(encoded.truncated).tolist(),
        model=ModelRef(id=info.id, digest=info.digest),
    )
