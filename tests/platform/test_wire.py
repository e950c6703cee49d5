"""What goes over the wire and comes back: vectors, times, cursors."""

import base64
import math
import re
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import TypeAdapter, ValidationError

from service.problems import InvalidRequest
from service.users.service import make_cursor, read_cursor
from service.wire import Time, from_wire, to_wire

DIM = 8
TIMES: TypeAdapter[datetime] = TypeAdapter(Time)
numbers = st.floats(-1, 1, width=32)
vectors = arrays(np.float32, DIM, elements=numbers).filter(lambda v: np.linalg.norm(v.astype(float)) > 1e-6)
offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(vectors)
def test_base64_comes_back_as_the_same_bits_of_a_unit_vector(vector: np.ndarray) -> None:
    unit = from_wire(to_wire(vector, "base64"), DIM)
    assert math.isclose(float(np.linalg.norm(unit.astype(float))), 1.0, abs_tol=1e-6)
    told = to_wire(unit, "base64")
    assert isinstance(told, str)
    assert base64.b64decode(told) == unit.astype("<f4").tobytes()
    np.testing.assert_allclose(from_wire(told, DIM), unit, atol=2e-7)


@given(vectors)
def test_floats_come_back_to_seven_decimals(vector: np.ndarray) -> None:
    unit = from_wire(to_wire(vector, "base64"), DIM)
    told = to_wire(unit, "float")
    assert isinstance(told, list)
    np.testing.assert_allclose(told, unit, atol=1e-7)
    np.testing.assert_allclose(from_wire(told, DIM), unit, atol=1e-6)


@given(st.one_of(st.text(max_size=60), st.binary(max_size=60).map(lambda data: base64.b64encode(data).decode())))
@example(base64.b64encode(np.full(DIM, np.nan, "<f4").tobytes()).decode())
@example(base64.b64encode(np.full(DIM, 3e38, "<f4").tobytes()).decode())
@example(base64.b64encode(np.zeros(DIM, "<f4").tobytes()).decode())
def test_any_text_is_a_vector_or_refused_with_what_is_wrong(text: str) -> None:
    length, refusal = read(text)
    assert refusal.startswith(("is not base64", "has ")) or math.isclose(length, 1.0, abs_tol=1e-6)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=DIM, max_size=DIM))
@example([1e300] * DIM)
@example([1e-320] * DIM)
def test_any_finite_numbers_are_a_unit_vector_or_have_no_direction(given_: list[float]) -> None:
    length, refusal = read(given_)
    assert "has no direction" in refusal or math.isclose(length, 1.0, abs_tol=1e-6)


def read(vector: list[float] | str) -> tuple[float, str]:
    """The length of what was read, and an empty refusal; or 0 and the refusal."""
    try:
        return float(np.linalg.norm(from_wire(vector, DIM).astype(float))), ""
    except ValueError as error:
        return 0.0, str(error)


@given(st.datetimes(datetime(1970, 1, 1), datetime(2199, 12, 31), timezones=offsets))  # noqa: DTZ001 - bounds are naive
def test_a_time_with_an_offset_is_the_same_moment_in_utc(time: datetime) -> None:
    told = TIMES.validate_python(time.isoformat())
    assert told == time
    assert told.tzinfo is UTC
    assert TIMES.validate_json(f'"{time.isoformat()}"') == time


@pytest.mark.parametrize("written", ["2026-01-05T10:00:00Z", "2026-01-05t10:00:00z", "2026-01-05T12:00:00.000+02:00"])
def test_the_spellings_of_rfc_3339(written: str) -> None:
    assert TIMES.validate_python(written) == datetime(2026, 1, 5, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [1767607200, 1767607200.5, "1767607200", "1e9", "NaN", True, None, [], "2026-01-05", "10:00:00Z",
     "2026-01-05T10:00Z", "2026-01-05T10:00:00", "1969-12-31T23:59:59Z", "2200-01-01T00:00:00Z",
     "٢٠٢٦-01-05T10:00:00Z"],
)  # fmt: skip
def test_what_is_no_time_of_rfc_3339_is_refused(written: object) -> None:
    with pytest.raises(ValidationError):
        TIMES.validate_python(written)


@given(st.text(max_size=60))
@settings(max_examples=300)
def test_any_text_is_a_time_or_refused_as_none(text: str) -> None:
    try:
        told = TIMES.validate_python(text)
    except ValidationError:
        return
    assert 1969 <= told.year <= 2200


@given(st.integers(0, 10**18 - 1))
def test_a_cursor_comes_back_as_the_sequence(sequence: int) -> None:
    assert read_cursor(make_cursor(sequence)) == sequence


@given(st.one_of(st.text(max_size=64), st.from_regex(r"v1-[0-9]{0,30}", fullmatch=True)))
@example("v1-٣")
@example("v1-1\n")
def test_any_other_text_is_no_cursor(text: str) -> None:
    if re.fullmatch(r"v1-[0-9]{1,18}", text, re.ASCII):
        assert 0 <= read_cursor(text) < 10**18
        return
    with pytest.raises(InvalidRequest) as refused:
        read_cursor(text)
    assert [error.field for error in refused.value.errors] == ["cursor"]
