"""Vectors of a catalogue of any size: those of real titles, and made ones between them where these are too few."""

import asyncio
import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from service.encoder import OnnxEncoder

CHUNK = 2048
"""Texts encoded at a time, and made vectors, so that memory stays small beside the vectors themselves."""
SEED = 20261124


@dataclass(frozen=True)
class Titles:
    """Real titles.

    Attributes:
        topics: (n,) of each title, as a number from 0.
        names: of the topics.
        vectors: (n, dim) float32 of unit length.
        space: of the model that made them.
    """

    topics: NDArray[np.int32]
    names: list[str]
    vectors: NDArray[np.float32]
    space: str


def load(path: Path, model: Path, cache: Path) -> Titles:
    """The titles of a CSV file with the columns topic and text, encoded once and kept in the cache's folder."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = [(row["topic"], row["text"]) for row in csv.DictReader(file) if row["text"].strip()]
    names = sorted({topic for topic, _ in rows})
    numbers = {name: number for number, name in enumerate(names)}
    topics = np.array([numbers[topic] for topic, _ in rows], np.int32)
    encoder = OnnxEncoder.load(model, force_cpu=True)
    try:
        space = encoder.info.space
        key = hashlib.sha256(path.read_bytes() + space.encode()).hexdigest()[:16]
        kept = cache / f"titles-{key}.npy"
        if not kept.exists():
            cache.mkdir(parents=True, exist_ok=True)
            unfinished = kept.with_suffix(".unfinished.npy")
            np.save(unfinished, asyncio.run(_encode(encoder, [text for _, text in rows])))
            unfinished.rename(kept)
    finally:
        encoder.close()
    return Titles(topics, names, np.load(kept), space)


async def _encode(encoder: OnnxEncoder, texts: list[str]) -> NDArray[np.float32]:
    parts = []
    for start in range(0, len(texts), CHUNK):
        chunk = texts[start : start + CHUNK]
        with encoder.admit(len(chunk)) as permit:
            parts.append((await encoder.encode(chunk, permit)).vectors)
    return np.concatenate(parts)
