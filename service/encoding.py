"""Texts to vectors on behalf of a request: under a permit, on its clock, and only while its client is there."""

from collections.abc import Sequence

from service import timing
from service.disconnect import unless_gone
from service.encoder.contract import Encoded, Encoder


async def encode_texts(encoder: Encoder, texts: Sequence[str]) -> Encoded:
    """Vectors of texts.

    Raises:
        EncoderSaturatedError: no room to encode.
        ClientGone: the client went before they were done.
    """
    with encoder.admit(len(texts)) as permit:
        encoded = await unless_gone(encoder.encode(texts, permit))
    timing.count("queue", encoded.spent.queue)
    timing.count("tokenize", encoded.spent.tokenize)
    timing.count("encode", encoded.spent.encode)
    return encoded
