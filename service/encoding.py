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
            `texts`; asked once there is a permit, so that a saturated service refuses before it asks anybody.

    Raises:
        EncoderSaturatedError: no room to encode.
        ClientGone: the client went before they were done.
    """
    with encoder.admit(len(texts)) as permit:
        known = await look_up() if look_up else {}
        rest = [place for place in range(len(texts)) if place not in known]
        encoded = await unless_gone(encoder.encode([texts[place] for place in rest], permit))
    spent = encoded.spent
    timing.count_in_turn({"queue": spent.queue, "tokenize": spent.tokenize, "encode": spent.encode})
    if not known:
        return encoded
    vectors, truncated = np.empty((len(texts), encoder.info.dim), np.float32), np.zeros(len(texts), np.bool_)
    vectors[rest], truncated[rest] = encoded.vectors, encoded.truncated
    vectors[list(known)] = np.stack(list(known.values()))
    return Encoded(vectors, truncated, spent)
