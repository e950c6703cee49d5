"""What is particular to the fake encoder."""

import hashlib

import numpy as np
import pytest

from service.encoder import FakeEncoder

pytestmark = pytest.mark.anyio


async def test_vectors_are_the_same_in_every_process() -> None:
    encoder = FakeEncoder()
    with encoder.admit(1) as permit:
        vector = (await encoder.encode(["Trail shoes"], permit)).vectors[0]
    # Written down once: whoever changes the fake's vectors changes what other tests are built on.
    np.testing.assert_allclose(vector[:3], [-0.244125, 0.050669, -0.143712], atol=1e-6)


async def test_truncates_after_max_tokens_words() -> None:
    encoder = FakeEncoder(max_tokens=2)
    with encoder.admit(3) as permit:
        encoded = await encoder.encode(["one two", "one two three", "一二三"], permit)
    assert encoded.truncated.tolist() == [False, True, True]
    np.testing.assert_array_equal(encoded.vectors[0], encoded.vectors[1])
    assert encoder.texts_encoded == 3


async def test_can_act_broken() -> None:
    encoder = FakeEncoder()
    encoder.canary_right = False
    assert not await encoder.canary()


def test_different_settings_are_different_models() -> None:
    assert FakeEncoder(dim=8).info.digest != FakeEncoder(dim=16).info.digest
    assert len(bytes.fromhex(FakeEncoder().info.digest)) == hashlib.sha256().digest_size
