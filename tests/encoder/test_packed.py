"""Short texts in shared rows, with the real model: few runs, next to no padding, and each text's own vector."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from onnx_export.texts import BEHAVIOURS
from service.encoder import OnnxEncoder, read_manifest
from service.vectors import Vectors

pytestmark = pytest.mark.anyio


@pytest.fixture
def encoder(model_dir: Path) -> Iterator[OnnxEncoder]:
    assert read_manifest(model_dir).graph.packs, f"an export of before: python -m onnx_export --out {model_dir}"
    made = OnnxEncoder.load(model_dir, cache_texts=0, force_cpu=True)
    yield made
    made.close()


async def encode(encoder: OnnxEncoder, texts: list[str]) -> Vectors:
    with encoder.admit(len(texts)) as permit:
        return (await encoder.encode(texts, permit)).vectors


@pytest.mark.parametrize("texts", [2, 8, 20, 50])
async def test_few_short_texts_are_one_run_with_next_to_no_padding(encoder: OnnxEncoder, texts: int) -> None:
    await encode(encoder, list(BEHAVIOURS[:texts]))
    stats = encoder.stats
    assert (stats.batches, stats.texts_encoded) == (1, texts)
    assert stats.padding_share < 0.05


async def test_a_text_has_the_vector_that_it_has_alone(encoder: OnnxEncoder) -> None:
    texts = list(BEHAVIOURS[:40])
    together = await encode(encoder, texts)
    for text, vector in zip(texts, together, strict=True):
        np.testing.assert_allclose(vector, (await encode(encoder, [text]))[0], atol=1e-6)


async def test_long_texts_and_short_ones_do_not_lengthen_each_other(encoder: OnnxEncoder) -> None:
    longest = "shoes and boots " * 200
    await encode(encoder, [longest, *BEHAVIOURS[:30], longest + "?"])
    stats = encoder.stats
    assert stats.tokens > 2 * encoder.info.max_tokens
    assert stats.padding_share < 0.1
