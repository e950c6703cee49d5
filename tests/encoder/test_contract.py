"""What every encoder must do, asked of the fake one and of the real one alike."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from service.encoder import Encoded, Encoder, EncoderClosedError, EncoderSaturatedError, FakeEncoder, OnnxEncoder

pytestmark = pytest.mark.anyio

CAPACITY = 16
TEXTS = [
    "trail running shoes",
    "",
    "a",
    "越野跑鞋，防水透气",
    "👟🏃‍♀️",
    "  \t\n ",
    "A paperback about the history of bread, of mills, and of the people who ate what came out of them.",
    "\ud800 half of a surrogate pair",
]
LONG = "shoes and boots " * 3000


@pytest.fixture(scope="session")
def onnx_encoder(model_dir: Path) -> Iterator[OnnxEncoder]:
    # Without a cache, so that each call really runs the model.
    encoder = OnnxEncoder.load(model_dir, capacity_texts=CAPACITY, cache_texts=0, force_cpu=True)
    yield encoder
    encoder.close()


@pytest.fixture(params=["fake", "onnx"])
def encoder(request: pytest.FixtureRequest) -> Encoder:
    if request.param == "fake":
        return FakeEncoder(capacity_texts=CAPACITY)
    real: OnnxEncoder = request.getfixturevalue("onnx_encoder")
    return real


async def encode(encoder: Encoder, texts: Sequence[str]) -> Encoded:
    with encoder.admit(len(texts)) as permit:
        return await encoder.encode(texts, permit)


async def test_one_unit_vector_for_each_text(encoder: Encoder) -> None:
    encoded = await encode(encoder, TEXTS)
    assert encoded.vectors.shape == (len(TEXTS), encoder.info.dim)
    assert encoded.vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(encoded.vectors, axis=1), 1, atol=1e-5)
    assert encoded.truncated.shape == (len(TEXTS),)
    assert encoded.truncated.dtype == np.bool_


async def test_no_texts_give_no_vectors(encoder: Encoder) -> None:
    encoded = await encode(encoder, [])
    assert encoded.vectors.shape == (0, encoder.info.dim)
    assert encoded.truncated.shape == (0,)


async def test_same_text_same_vector(encoder: Encoder) -> None:
    first, second = await encode(encoder, TEXTS), await encode(encoder, TEXTS)
    np.testing.assert_array_equal(first.vectors, second.vectors)


async def test_different_texts_different_vectors(encoder: Encoder) -> None:
    vectors = (await encode(encoder, ["trail running shoes", "", "越野跑鞋", "👟", "图书"])).vectors
    cosines = vectors @ vectors.T
    assert (cosines[~np.eye(len(vectors), dtype=bool)] < 0.999).all()


async def test_texts_with_words_in_common_are_closer(encoder: Encoder) -> None:
    near, text, far = (await encode(encoder, ["red running shoes", "blue running shoes", "tax return form"])).vectors
    assert text @ near > text @ far + 0.2


async def test_batch_equals_single(encoder: Encoder) -> None:
    texts = [*TEXTS, LONG]
    together = await encode(encoder, texts)
    for row, text in enumerate(texts):
        alone = await encode(encoder, [text])
        np.testing.assert_allclose(together.vectors[row], alone.vectors[0], atol=1e-5)
        assert together.truncated[row] == alone.truncated[0]


async def test_order_is_kept(encoder: Encoder) -> None:
    forward, backward = await encode(encoder, TEXTS), await encode(encoder, TEXTS[::-1])
    np.testing.assert_allclose(forward.vectors, backward.vectors[::-1], atol=1e-5)


async def test_duplicates_each_get_their_row(encoder: Encoder) -> None:
    encoded = await encode(encoder, ["one", "two", "one", "one"])
    np.testing.assert_array_equal(encoded.vectors[[0, 0]], encoded.vectors[[2, 3]])
    assert not np.allclose(encoded.vectors[0], encoded.vectors[1])


async def test_only_the_text_that_is_too_long_is_truncated(encoder: Encoder) -> None:
    encoded = await encode(encoder, ["short", LONG, ""])
    assert encoded.truncated.tolist() == [False, True, False]
    alone = await encode(encoder, [LONG])
    assert alone.truncated.tolist() == [True]


async def test_more_texts_than_the_permit_is_for(encoder: Encoder) -> None:
    with encoder.admit(1) as permit, pytest.raises(ValueError, match="2 texts under a permit for 1"):
        await encoder.encode(["one", "two"], permit)


def test_negative_permit(encoder: Encoder) -> None:
    with pytest.raises(ValueError, match="-1"), encoder.admit(-1):
        pass


@pytest.mark.parametrize("texts", [1, 1000])
def test_saturation_is_the_same_for_one_text_and_for_a_thousand(encoder: Encoder, texts: int) -> None:
    with encoder.admit(CAPACITY):
        with pytest.raises(EncoderSaturatedError) as saturated, encoder.admit(texts):
            pass
        assert 1 <= saturated.value.retry_after <= 60
    with encoder.admit(texts):
        pass


def test_capacity_is_shared(encoder: Encoder) -> None:
    with encoder.admit(CAPACITY - 3), encoder.admit(3):
        with pytest.raises(EncoderSaturatedError), encoder.admit(1):
            pass
        with encoder.admit(0):
            pass


async def test_request_larger_than_capacity_is_admitted_when_idle(encoder: Encoder) -> None:
    texts = [f"text {number}" for number in range(CAPACITY * 2)]
    with encoder.admit(len(texts)) as permit:
        with pytest.raises(EncoderSaturatedError), encoder.admit(1):
            pass
        assert len((await encoder.encode(texts, permit)).vectors) == len(texts)
    with encoder.admit(1), pytest.raises(EncoderSaturatedError), encoder.admit(len(texts)):
        pass


async def test_permit_is_given_back_after_an_exception(encoder: Encoder) -> None:
    with pytest.raises(ValueError, match="under a permit"), encoder.admit(CAPACITY) as permit:
        await encoder.encode(["text"] * (CAPACITY + 1), permit)
    with encoder.admit(CAPACITY):
        pass


async def test_permit_is_given_back_after_cancellation(encoder: Encoder) -> None:
    task = asyncio.create_task(encode(encoder, [f"cancelled {number}" for number in range(CAPACITY)]))
    await asyncio.sleep(0)
    with pytest.raises(EncoderSaturatedError), encoder.admit(1):
        pass
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with encoder.admit(CAPACITY):
        pass


async def test_canary_is_right(encoder: Encoder) -> None:
    assert await encoder.canary()


async def test_canary_needs_no_permit(encoder: Encoder) -> None:
    with encoder.admit(CAPACITY):
        assert await encoder.canary()


async def test_closed_encoder(encoder: Encoder, model_dir: Path) -> None:
    if isinstance(encoder, OnnxEncoder):  # the shared one must stay open
        encoder = OnnxEncoder.load(model_dir, force_cpu=True)
    encoder.close()
    encoder.close()
    assert not await encoder.canary()
    with pytest.raises(EncoderClosedError):
        await encode(encoder, ["text"])


def test_info_describes_the_model(encoder: Encoder) -> None:
    info = encoder.info
    assert info.id
    assert info.dim > 0
    assert info.max_tokens > 0
    assert len(info.digest) == len(info.space) == 64
