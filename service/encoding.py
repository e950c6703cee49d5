"""Texts to vectors on behalf of a request: under a permit, on its clock, and only while its client is there."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

import numpy as np

from service import timing
from service.detection.topics import Vectors
from service.disconnect import unless_gone
from service.encoder.contract import Encoded, Encoder

LookUp = Callable[[], Awaitable[Mapping[int, Vectors]]]


async def encode_texts(encoder: Encoder, texts: Sequence[str], look_up: LookUp | None = None) -> Encoded:
    """Vectors of texts.

    Args:
        encoder: gives them.
        texts: to be encoded.
        look_up: gives the vectors (dim,) that are known already of texts that the model does not cut off, by place in
            `texts`. A saturated service refuses before it asks; while it asks it keeps nobody from the encoder.

    Raises:
        EncoderSaturatedError: no room to encode.
        ClientGone: the client went before they were done.
    """
    known: Mapping[int, Vectors] = {}
    if look_up is not None:
        with encoder.admit(len(texts)):
            pass
        known = await look_up()
    rest = [place for place in range(len(texts)) if place not in known]
    if rest or not known:
        with encoder.admit(len(rest)) as permit:
            encoded = await unless_gone(encoder.encode([texts[place] for place in rest], permit))
    else:
        encoded = Encoded(np.empty((0, encoder.info.dim), np.float32), np.empty(0, np.bool_))
    spent = encoded.spent
    timing.count_in_turn({"queue": spent.queue, "tokenize": spent.tokenize, "encode": spent.encode})
    if not known:
        return encoded
    vectors, truncated = np.empty((len(texts), encoder.info.dim), np.float32), np.zeros(len(texts), np.bool_)
    vectors[rest], truncated[rest] = encoded.vectors, encoded.truncated
    vectors[list(known)] = np.stack(list(known.values()))
    return Encoded(vectors, truncated, spent)
