"""Keys as they are written, kept and compared, without a service."""

import hmac
import pickle
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from service.access.keys import Key, Keys, Presented, hash_secret, new_key, read_key
from service.access.service import wanted
from service.errors import InputError

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def kept(presented: Presented) -> Key:
    return Key(presented.key_id, "n", presented.secret_hash, frozenset({"read"}), NOW, None, None, None)


def test_a_key_is_recognised_by_scanners_and_has_256_random_bits() -> None:
    made = {new_key()[0] for _ in range(100)}
    assert len(made) == 100
    for written in made:
        found = re.fullmatch(r"swerve_([0-9a-f]{16})_([0-9a-f]{64})", written)
        assert found is not None
        assert len(bytes.fromhex(found[2])) * 8 == 256


def test_what_is_kept_does_not_have_the_secret() -> None:
    written, presented = new_key()
    secret = written.rpartition("_")[2]
    for thing in (presented, kept(presented), Keys([kept(presented)])):
        assert secret not in repr(thing)
        assert presented.secret_hash.hex() not in repr(thing)
        assert repr(presented.secret_hash) not in repr(thing)
    assert secret.encode() not in pickle.dumps(kept(presented))
    assert presented.secret_hash == hash_secret(secret) != bytes.fromhex(secret)


def test_a_key_is_read_as_it_was_written_and_only_so() -> None:
    written, presented = new_key()
    assert read_key(written) == presented
    for wrong in (
        "",
        "swerve",
        written[:-1],
        written + "0",
        written.upper(),
        written.replace("swerve", "other"),
        written.replace("_", "-"),
        written + "\n",
        " " + written,
        written[:-1] + "٣",  # a digit, but not one of ours
    ):
        assert read_key(wrong) is None, wrong


def test_it_is_found_by_its_own_secret_alone() -> None:
    (_, mine), (_, other) = new_key(), new_key()
    keys = Keys([kept(mine), kept(other)])
    assert keys.find(mine) == kept(mine)
    assert keys.find(replace(mine, secret_hash=other.secret_hash)) is None
    assert keys.find(replace(mine, key_id=other.key_id)) is None
    assert keys.find(new_key()[1]) is None


def test_an_unknown_id_costs_the_same_comparison_as_a_wrong_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    (_, mine), (_, other) = new_key(), new_key()
    compared: list[tuple[int, int]] = []
    compare = hmac.compare_digest

    def noted(expected: bytes, given: bytes) -> bool:
        compared.append((len(expected), len(given)))
        return compare(expected, given)

    monkeypatch.setattr(hmac, "compare_digest", noted)
    for keys, presented in (
        (Keys([kept(mine)]), other),
        (Keys([kept(mine)]), replace(other, key_id=mine.key_id)),
        (Keys(), other),
    ):
        assert keys.find(presented) is None
    assert compared == [(32, 32)] * 3


def test_a_key_lives_until_it_expires_or_is_revoked() -> None:
    key = replace(kept(new_key()[1]), expires_at=NOW + timedelta(seconds=10))
    assert key.why_dead(NOW + timedelta(seconds=9.999)) is None
    assert key.why_dead(NOW + timedelta(seconds=10)) == "expired"
    assert replace(key, revoked_at=NOW).why_dead(NOW) == "revoked"
    assert Keys([key]).any_live(NOW)
    assert not Keys([key]).any_live(NOW + timedelta(days=1))
    assert not Keys().any_live(NOW)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": " "}, "--name must have 1 to 100"),
        ({"name": "a\nb"}, "--name must have 1 to 100"),
        ({"name": "x" * 101}, "--name must have 1 to 100"),
        ({"scopes": ["write"]}, "--scope must be one of ingest, read, admin"),
        ({"scopes": []}, "--scope must be one of ingest, read, admin"),
        ({"expires_in": "90"}, "--expires-in must be a number and m, h, d or w"),
        ({"expires_in": "0d"}, "--expires-in must be a number and m, h, d or w"),
        ({"expires_in": "-1d"}, "--expires-in must be a number and m, h, d or w"),
        ({"expires_at": "tomorrow"}, "--expires-at must be a time with an offset"),
        ({"expires_at": "2027-01-31T00:00:00"}, "--expires-at must be a time with an offset"),
        ({"expires_at": "2025-12-31T23:59:59Z"}, "would have expired already"),
        ({"expires_in": "1d", "expires_at": "2027-01-31T00:00:00Z"}, "not both"),
        ({"rate_limit": "0/minute"}, "--rate-limit must be a number of requests and a time"),
        ({"rate_limit": "many"}, "--rate-limit must be a number of requests and a time"),
    ],
)
def test_what_cannot_be_made_is_told_with_its_option(changes: dict[str, object], says: str) -> None:
    given: dict[str, object] = {"name": "n", "scopes": ["read"], "expires_in": None, "expires_at": None}
    with pytest.raises(InputError, match=re.escape(says)):
        wanted(**({"rate_limit": None, "now": NOW} | given | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("written", "expected"),
    [("30m", timedelta(minutes=30)), ("12h", timedelta(hours=12)), ("90d", timedelta(days=90)), ("2w", timedelta(14))],
)
def test_how_long_is_written_as_people_do(written: str, expected: timedelta) -> None:
    asked = wanted("n", ["read", "read"], expires_in=written, expires_at=None, rate_limit=None, now=NOW)
    assert asked.expires_at == NOW + expected
    assert asked.scopes == {"read"}
    until = "2027-01-31T01:00:00+01:00"
    asked = wanted("n", ["read"], expires_in=None, expires_at=until, rate_limit="5/second", now=NOW)
    assert asked.expires_at == datetime(2027, 1, 31, tzinfo=UTC)
