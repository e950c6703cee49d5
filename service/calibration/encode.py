"""Vectors of all the texts of a log."""

import asyncio
from collections.abc import Callable, Sequence

import numpy as np

from service.encoder import Encoder
from service.vectors import Vectors

CHUNK = 512
"""Texts encoded between two looks at the progress."""


def encode(encoder: Encoder, texts: Sequence[str], progress: Callable[[int], None] = lambda _done: None) -> Vectors:
    """Vectors (n, dim) float32 of n texts.

    Args:
        encoder: with room for `CHUNK` texts.
        texts: to encode; alike in length is quicker, so they are taken in order of length.
        progress: told after each chunk how many more are done.
    """
    order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
    out = np.empty((len(texts), encoder.info.dim), np.float32)

    async def run() -> None:
        for start in range(0, len(order), CHUNK):
            rows = order[start : start + CHUNK]
            with encoder.admit(len(rows)) as permit:
                out[rows] = (await encoder.encode([texts[at] for at in rows], permit)).vectors
            progress(len(rows))

    asyncio.run(run())
    return out
