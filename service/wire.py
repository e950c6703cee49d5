"""Types that requests and responses share: names, times and vectors on the wire."""

import base64
import binascii
import re
from datetime import UTC, datetime
from typing import Annotated, Literal

import numpy as np
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from service.vectors import Vectors

DEFAULT_DOMAIN = "default"
FIRST_YEAR, LAST_YEAR = 1970, 2199
_YEARS = "^(19[7-9]|2[01][0-9])[0-9]-"
"""The same, as the document tells it."""

MAX_BEHAVIORS = 1000
"""Behaviours of one user, or texts, in one request."""
MAX_TEXT_CHARACTERS = 8192
SOME_TEXT = r"[^\s\x1c-\x1f\x85\ufeff]"
"""What a text must have somewhere, so written that it is the same to Python, to Rust, which checks patterns, and to
ECMAScript, which reads the document: they differ in which characters are space."""
MAX_BATCH = 1000
"""Users in one batch."""

VectorFormat = Literal["float", "base64"]


class StrictModel(BaseModel):
    """A request's object: a field that is not known is an error, so that a typo is not silently ignored."""

    model_config = ConfigDict(extra="forbid")


_RFC_3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:?\d{2})?", re.ASCII)


def _written_as_time(given: object) -> object:
    """Only what is written as RFC 3339 says: a bare number could be seconds or milliseconds, since who knows when.

    One without an offset is let through to the check that says what is missing.
    """
    if isinstance(given, datetime) or (isinstance(given, str) and _RFC_3339.fullmatch(given)):
        return given
    raise ValueError("must be an RFC 3339 time with an offset, such as 2026-01-05T10:00:00+00:00")


def _sane_time(time: datetime) -> datetime:
    if not FIRST_YEAR <= time.year <= LAST_YEAR:
        raise ValueError(f"must be in the years {FIRST_YEAR} to {LAST_YEAR}")
    return time.astimezone(UTC)


Time = Annotated[
    AwareDatetime,
    BeforeValidator(_written_as_time),
    AfterValidator(_sane_time),
    Field(
        description="RFC 3339 with an offset, such as 2026-01-05T10:00:00+00:00.",
        json_schema_extra={"pattern": _YEARS},
    ),
]
UserId = Annotated[
    str,
    StringConstraints(min_length=1, max_length=256),
    Field(description="The user's id in your system. Only a keyed hash of it is stored."),
]
Domain = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$"),
    Field(description="Interests, calibration and policy are kept per domain."),
]
EventId = Annotated[
    str,
    StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,128}$"),
    Field(description="Names the behaviour; the same id again is a duplicate. Derived from the content if absent."),
]
WireVector = Annotated[
    list[Annotated[float, Field(allow_inf_nan=False)]] | str,
    Field(description="Numbers, or with `base64` the little-endian float32 bytes."),
]


def to_wire(vector: Vectors, encoding: VectorFormat) -> list[float] | str:
    """A vector (dim,) as asked for. Floats are rounded to seven decimals, the precision of float32 near 1."""
    if encoding == "base64":
        return base64.b64encode(vector.astype("<f4").tobytes()).decode("ascii")
    rounded: list[float] = np.round(vector.astype(np.float64), 7).tolist()
    return rounded


def from_wire(vector: list[float] | str, dim: int) -> Vectors:
    """A vector (dim,) of unit length.

    Raises:
        ValueError: not base64 of float32, of the wrong size, not finite, or zero; the message says what to send.
    """
    if isinstance(vector, str):
        try:
            data = base64.b64decode(vector, validate=True)
        except (binascii.Error, ValueError) as error:
            raise ValueError("is not base64 of little-endian float32 numbers") from error
        if len(data) % 4:
            raise ValueError("is not base64 of little-endian float32 numbers")
        with np.errstate(invalid="ignore"):  # of what signals that it is no number; refused below
            numbers = np.frombuffer(data, "<f4").astype(np.float64)
    else:
        numbers = np.array(vector, np.float64)
    if numbers.shape != (dim,):
        raise ValueError(f"has {len(numbers)} numbers, the model's vectors have {dim}")
    if not np.all(np.isfinite(numbers)):
        raise ValueError("has a number that is not finite")
    with np.errstate(over="ignore"):  # what is beyond measure is told below
        norm = float(np.linalg.norm(numbers))
    if not 1e-12 < norm < np.inf:
        raise ValueError("has no direction: its length is 0 or beyond measure")
    return (numbers / norm).astype(np.float32)
