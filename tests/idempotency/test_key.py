"""The header, and what is made of it."""

import pytest

from service.detect.schemas import DetectRequest
from service.idempotency.key import hash_of, parse_key
from service.idempotency.record import Claim, InProgress, fingerprint
from service.problems import IdempotencyKeyInProgress, InvalidRequest


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
        ('"8e03978e-40d5-43dd-bc93-6894a57f9324"', "8e03978e-40d5-43dd-bc93-6894a57f9324"),
        ("  spaced\t", "spaced"),
        ('"with space"', "with space"),
        (r'"a \"quote\" and \\"', r'a "quote" and ' + "\\"),
        ('in"side', 'in"side'),
        ("k", "k"),
        ("k" * 255, "k" * 255),
        ('"' + "k" * 255 + '"', "k" * 255),
    ],
)
def test_a_key_in_quotes_or_bare(value: str, key: str) -> None:
    assert parse_key([value]) == key


@pytest.mark.parametrize(
    "values",
    [[""], ['""'], ["k" * 256], ['"' + "k" * 256 + '"'], ["two words"], ['"open'], ['"a"b"'], [r'"\x"'], ["ключ"],
     ["tab\tinside"], ['"line\n"'], ["first", "second"], ["same", "same"]],
)  # fmt: skip
def test_what_is_no_key_is_refused_by_the_name_of_the_header(values: list[str]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_key(values)
    (error,) = refused.value.errors
    assert error.field == "Idempotency-Key"
    assert error.remedy is not None
    assert not any(value in error.message for value in values if value)


def test_no_header_is_no_key() -> None:
    assert parse_key([]) is None


def test_keys_and_places_in_a_batch_are_told_apart() -> None:
    hashes = {hash_of(key, part) for key in ("a", "b", "1:a", "0:a") for part in (None, 0, 1, 10)}
    assert len(hashes) == 16


def request(**changed: object) -> DetectRequest:
    behavior = {"text": "pasta", "occurred_at": "2026-01-05T10:00:00+00:00"}
    return DetectRequest.model_validate({"user_id": "u", "behaviors": [behavior]} | changed)


def test_the_fingerprint_is_of_what_the_body_says() -> None:
    later = {"occurred_at": "2026-01-05T11:00:00+01:00", "text": "pasta", "weight": None}
    same = request(behaviors=[later], domain="default", options={"persist": True})
    assert fingerprint(same) == fingerprint(request()) == fingerprint(request(user_id="other"))
    others = [
        request(domain="shop"),
        request(options={"threshold": 1.0}),
        request(options={"include": []}),
        request(behaviors=[later | {"text": "bread"}]),
        request(behaviors=[later, later]),
    ]
    assert len({fingerprint(one) for one in [request(), *others]}) == 6


def test_what_is_carried_out_is_claimed_until_it_ends_however_it_ends() -> None:
    here, claim = InProgress(), Claim("d", b"u", b"k", b"body")
    with here.entered(claim):
        with pytest.raises(IdempotencyKeyInProgress), here.entered(Claim("d", b"u", b"k", b"another body")):
            pass
        with pytest.raises(IdempotencyKeyInProgress), here.entered(claim):
            pass
        with here.entered(Claim("d", b"u", b"other", b"body")), here.entered(Claim("e", b"u", b"k", b"body")):
            pass
    with pytest.raises(OSError, match="gone"), here.entered(claim):
        raise OSError("gone")
    with here.entered(claim):
        pass
