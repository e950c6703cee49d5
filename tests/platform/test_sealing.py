"""What is sealed is read with the secret and the place that it was sealed for, and with nothing else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.sealing import NONCE_BYTES, SealError, seal, unseal

SECRET, OTHER = b"a secret of the service", b"another secret of it"


@given(plain=st.text(max_size=300), secret=st.binary(min_size=1, max_size=80), about=st.binary(max_size=40))
@settings(deadline=None)
def test_what_was_sealed_is_read_again(plain: str, secret: bytes, about: bytes) -> None:
    sealed = seal(secret, plain, about=about)
    assert unseal([secret], sealed, about=about) == plain
    assert len(sealed) == NONCE_BYTES + len(plain.encode()) + 16


def test_the_same_is_never_sealed_the_same() -> None:
    sealed = {seal(SECRET, "u-42", about=b"row") for _ in range(50)}
    assert len({one[:NONCE_BYTES] for one in sealed}) == 50
    assert not any(b"u-42" in one for one in sealed)


def test_in_a_rotation_any_known_secret_opens() -> None:
    sealed = seal(SECRET, "u-42", about=b"row")
    assert unseal([OTHER, SECRET], sealed, about=b"row") == "u-42"
    for secrets in ([OTHER], []):
        with pytest.raises(SealError, match="another user-key secret"):
            unseal(secrets, sealed, about=b"row")


def test_a_sealed_value_cannot_be_moved_to_another_row() -> None:
    with pytest.raises(SealError):
        unseal([SECRET], seal(SECRET, "u-42", about=b"row 1"), about=b"row 2")


@given(at=st.integers(0, 31), flip=st.integers(1, 255), cut=st.integers(0, 31))
@settings(deadline=None)
def test_what_is_damaged_or_cut_short_is_refused(at: int, flip: int, cut: int) -> None:
    sealed = bytearray(seal(SECRET, "u-42", about=b"row"))
    assert len(sealed) == 32
    cut_short = bytes(sealed[:cut])
    sealed[at] ^= flip
    for damaged in (bytes(sealed), cut_short, cut_short + b"\0" * 40):
        with pytest.raises(SealError):
            unseal([SECRET, OTHER], damaged, about=b"row")
