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
    spent = encoded.spent
    timing.count_in_turn({"queue": spent.queue, "tokenize": spent.tokenize, "encode": spent.encode})
    return encoded
