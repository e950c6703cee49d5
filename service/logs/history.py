"""One user's rows, and how they are cut out of many users'."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from service.logs.errors import RowError, shown

_CHUNK = 8192
"""Rows turned into Python objects at a time, or one user's, if these are more."""


@dataclass(frozen=True, slots=True)
class History:
    """What one user did, in the order of the log.

    Attributes:
        user_id: the user.
        rows: (n,) row numbers in the file, 1 = first data row.
        times: (n,) seconds since the epoch, never descending.
        occurred_at: RFC 3339. From a CSV as given there, from Parquet in the column's time zone.
        texts: what it was about, never blank.
        types: `view` where the log gives none.
        item_ids: None where the log gives none, as in what follows.
        categories: of the items.
        event_ids: of the rows.
        weights: finite, 0 or more.
    """

    user_id: str
    rows: NDArray[np.int64]
    times: NDArray[np.float64]
    occurred_at: list[str]
    texts: list[str]
    types: list[str]
    item_ids: list[str | None]
    categories: list[str | None]
    event_ids: list[str | None]
    weights: list[float | None]


def group(rows: pl.DataFrame) -> pl.DataFrame:
    """Users one after the other, by their first row; a user's rows as in the file. Adds `first`, that row."""
    return rows.with_columns(first=pl.col("row").min().over("user_id")).sort("first", "row")


def first_descent(grouped: pl.DataFrame) -> RowError | None:
    """The first row of the file, if any, that is earlier than its user's row before it."""
    same_user = pl.col("first") == pl.col("first").shift(1)
    descents = grouped.select(
        "row",
        "user_id",
        "occurred_at",
        pl.col("row").shift(1).alias("previous_row"),
        pl.col("occurred_at").shift(1).alias("previous"),
        (same_user & (pl.col("time") < pl.col("time").shift(1))).alias("descends"),
    ).filter("descends")
    if descents.is_empty():
        return None
    found = descents.row(int(descents["row"].arg_min() or 0), named=True)
    return RowError(
        found["row"],
        f"occurred_at {shown(found['occurred_at'])} is before {shown(found['previous'])} in row "
        f"{found['previous_row']}, of the same user {shown(found['user_id'])}",
        "sort the log by occurred_at",
    )


def histories(grouped: pl.DataFrame) -> Iterator[History]:
    """The users of a grouped frame, in its order."""
    for chunk in _chunks(grouped):
        yield from _unpack(chunk)


def _ends(grouped: pl.DataFrame) -> NDArray[np.int64]:
    """(users,) where each user's rows end."""
    first = grouped["first"].to_numpy()
    return np.append(np.flatnonzero(np.diff(first)) + 1, len(first)).astype(np.int64)


def _chunks(grouped: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Whole users, several at a time: a call for each column of each user would be most of the time."""
    ends = _ends(grouped)
    start = 0
    while start < grouped.height:
        end = int(ends[np.searchsorted(ends, min(start + _CHUNK, grouped.height))])
        yield grouped[start:end]
        start = end


def _unpack(chunk: pl.DataFrame) -> Iterator[History]:
    rows = chunk["row"].to_numpy().astype(np.int64)
    times = chunk["time"].to_numpy() / 1e6
    columns = {name: chunk[name].to_list() for name in chunk.columns}
    start = 0
    for end in _ends(chunk).tolist():
        yield History(
            user_id=columns["user_id"][start],
            rows=rows[start:end],
            times=times[start:end],
            occurred_at=columns["occurred_at"][start:end],
            texts=columns["text"][start:end],
            types=columns["type"][start:end],
            item_ids=columns["item_id"][start:end],
            categories=columns["category"][start:end],
            event_ids=columns["event_id"][start:end],
            weights=columns["weight"][start:end],
        )
        start = end
