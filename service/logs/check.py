"""From a batch as the file has it to rows of one schema, and the first row that is wrong.

Everything is an expression over whole columns; nothing loops over rows.
"""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from service.logs.columns import KNOWN
from service.logs.errors import LogError, RowError, shown

# RFC 3339, with a space for the T as many databases write it.
_CLOCK = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?"
_TIME = _CLOCK + r"([Zz]|[+-][0-9]{2}:[0-9]{2})$"
_NAIVE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?)?$"
_EXAMPLE = "2026-01-05T10:00:00+00:00"

_INTEGERS = ("user_id", "item_id", "category", "event_id")
"""Columns whose values may be integers."""

ROW_SCHEMA = pl.Schema(
    {
        "row": pl.Int64,
        "user_id": pl.String,
        "time": pl.Int64,  # microseconds since the epoch
        "occurred_at": pl.String,
        "text": pl.String,
        "type": pl.String,
        "item_id": pl.String,
        "category": pl.String,
        "event_id": pl.String,
        "weight": pl.Float64,
    }
)
"""Rows after the check."""


@dataclass(frozen=True)
class _Rule:
    """What a row must not be; over the checked columns and the given ones, which are named `given_…`."""

    column: str
    broken: pl.Expr
    problem: str
    remedy: str


_RULES = (
    _Rule("user_id", pl.col("user_id").is_null(), "is empty", "give every row a user, or leave it out"),
    _Rule("occurred_at", pl.col("occurred_at").is_null(), "is empty", "give every row a time, or leave it out"),
    _Rule(
        "occurred_at",
        pl.col("time").is_null() & pl.col("occurred_at").str.contains(_NAIVE),
        "has no UTC offset",
        f"write it as {_EXAMPLE}",
    ),
    _Rule("occurred_at", pl.col("time").is_null(), "is not a time in RFC 3339", f"write it as {_EXAMPLE}"),
    _Rule("text", pl.col("text").is_null(), "is empty", "say what it was about, or leave the row out"),
    _Rule(
        "weight",
        pl.col("weight").is_null() & pl.col("given_weight").is_not_null(),
        "is not a number",
        "write a number, or leave it empty",
    ),
    _Rule("weight", ~pl.col("weight").is_finite(), "is not finite", "write a number, or leave it empty"),
    _Rule("weight", pl.col("weight") < 0, "is negative", "write 0 or more, or leave it empty"),
)


class RowCheck:
    """Checks the batches of one file.

    Args:
        path: named in messages.
        schema: the types of its known columns.

    Raises:
        LogError: a column's type can hold no such values.
    """

    def __init__(self, path: Path, schema: pl.Schema) -> None:
        for name, dtype in schema.items():
            _check_type(path, name, dtype)
        self._convert = _conversions(schema)

    def __call__(self, batch: pl.DataFrame, before: int) -> tuple[pl.DataFrame, RowError | None]:
        """The rows of a batch.

        Args:
            batch: as the file has it.
            before: rows of the file before it.

        Returns:
            The rows before the first wrong one, of `ROW_SCHEMA`, and what is wrong with that one.
        """
        frame = batch.select(self._convert).with_row_index("row", offset=before + 1)
        broken = frame.select(rule.broken.fill_null(value=False).alias(str(i)) for i, rule in enumerate(_RULES))
        found = broken.select(pl.any_horizontal(pl.all()).arg_true()).to_series()
        rows = frame.select(pl.col(name).cast(dtype) for name, dtype in ROW_SCHEMA.items())
        if found.is_empty():
            return rows, None
        first = int(found[0])
        rule = next(rule for i, rule in enumerate(_RULES) if broken[str(i)][first])
        return rows[:first], _row_error(batch, first, before, rule)


def _row_error(batch: pl.DataFrame, index: int, before: int, rule: _Rule) -> RowError:
    value = batch[rule.column][index]
    told = rule.column if rule.problem == "is empty" else f"{rule.column} {shown(value)}"
    return RowError(before + index + 1, f"{told} {rule.problem}", rule.remedy)


def _check_type(path: Path, name: str, dtype: pl.DataType) -> None:
    if _is_text(dtype) or (name in _INTEGERS and dtype.is_integer()):
        return
    if name == "weight" and dtype.is_numeric():
        return
    if name == "occurred_at" and isinstance(dtype, pl.Datetime):
        if dtype.time_zone is None:
            raise LogError(f"{path}: occurred_at is of type {dtype}, without a time zone; give it one, such as UTC")
        return
    wanted = {"weight": "numbers", "occurred_at": "times with a time zone, or strings"}.get(
        name, "strings or integers" if name in _INTEGERS else "strings"
    )
    raise LogError(f"{path}: {name} is of type {dtype}; write it as {wanted}")


def _is_text(dtype: pl.DataType) -> bool:
    # A column of nulls only has the type Null.
    return isinstance(dtype, pl.String | pl.Categorical | pl.Enum | pl.Null)


def _conversions(schema: pl.Schema) -> list[pl.Expr]:
    columns = {name: _text(name) if name in schema else pl.lit(None, pl.String) for name in KNOWN}
    time, occurred_at = _times(schema["occurred_at"])
    weight = columns["weight"].str.strip_chars()
    if "weight" in schema and schema["weight"].is_numeric():
        weight = pl.col("weight")
    return [
        columns["user_id"].alias("user_id"),
        time.alias("time"),
        occurred_at.alias("occurred_at"),
        columns["text"].alias("text"),
        columns["type"].fill_null("view").alias("type"),
        *(columns[name].alias(name) for name in ("item_id", "category", "event_id")),
        weight.cast(pl.Float64, strict=False).alias("weight"),
        weight.alias("given_weight"),
    ]


def _text(name: str) -> pl.Expr:
    """A column as strings, as they came; a blank one is null."""
    text = pl.col(name).cast(pl.String)
    return pl.when(text.str.strip_chars() != "").then(text)


def _times(dtype: pl.DataType) -> tuple[pl.Expr, pl.Expr]:
    """Microseconds since the epoch, and RFC 3339."""
    if isinstance(dtype, pl.Datetime):
        time = pl.col("occurred_at")
        return time.dt.epoch("us"), time.dt.to_string("%Y-%m-%dT%H:%M:%S%.f%:z")
    text = _text("occurred_at").str.strip_chars()
    # The parser takes more than RFC 3339, such as a blank before the offset.
    strict = pl.when(text.str.contains(_TIME)).then(text)
    return strict.str.to_datetime("%+", time_unit="us", strict=False).dt.epoch("us"), text
