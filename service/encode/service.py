"""Texts to vectors."""

import asyncio

import numpy as np

from service.detect.schemas import ModelRef
from service.encode.schemas import EncodeRequest, EncodeResponse
from service.encoding import encode_texts
from service.item_topics import item_topics
from service.resources import Resources
from service.wire import to_wire


async def encode(resources: Resources, request: EncodeRequest) -> EncodeResponse:
    """Encode texts.

    Raises:
        EncoderSaturatedError: no room to encode.
    """
    encoded = await encode_texts(resources.encoder, request.texts)
    topics = None
    if "topics" in request.include:
        topics = await asyncio.to_thread(item_topics, resources.profile, encoded.vectors)
    info = resources.encoder.info
    return EncodeResponse(
        dim=info.dim,
        vectors=[to_wire(vector, request.encoding_format) for vector in encoded.vectors],
        truncated=np.flatnonzero(encoded.truncated).tolist(),
        model=ModelRef(id=info.id, digest=info.digest),
        topics=topics,
    )
