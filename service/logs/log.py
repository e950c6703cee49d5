"""A behaviour log, read user by user."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from service.logs.check import RowCheck
from service.logs.errors import LogError, MalformedError, RowError
from service.logs.history import History, histories
from service.logs.source import Source, open_source
from service.logs.store import RowStore

BATCH = 50_000
"""Rows read at a time."""


class Log:
    """A log that was read and found good. Lives as long as its `open_log`."""

    def __init__(self, path: Path, store: RowStore) -> None:
        self.path = path
        self.rows = store.rows
        """Data rows."""
        self.users = store.users
        """Distinct users."""
        self._store = store

    def histories(self) -> Iterator[History]:
        """Each user once. May be called again, and gives the same in the same order.

        That order is by first row in a log that fits in memory, else by partition and then by first row.
        """
        for frame in self._store.frames():
            yield from histories(frame)


@contextmanager
def open_log(
    path: Path, *, rows_in_memory: int = 2_000_000, progress: Callable[[int], None] | None = None
) -> Iterator[Log]:
    """Read and check a log, whose size does not matter.

    One pass over the file checks each row. A log of more than `rows_in_memory` rows goes through temporary files,
    about as large as the log, in the folder that TMPDIR names; they are gone when the context ends.

    Args:
        path: CSV or Parquet, by its ending.
        rows_in_memory: rows held at once, more or less; a single user's are held whatever their number.
        progress: called with the rows of each batch read.

    Raises:
        LogError: the log cannot be used. Of several wrong rows the first in the file is named.
    """
    source = open_source(path)
    check = RowCheck(path, source.schema)
    size = max(1, min(BATCH, rows_in_memory // 4))
    with RowStore(max(1, rows_in_memory), source.count) as store:
        try:
            _fill(store, source, check, source.batches(size), progress)
        except MalformedError:
            store.clear()
            _fill(store, source, check, source.careful(size), None)
        if not store.rows:
            raise LogError(f"{path}: the log has no rows; write it anew")
        yield Log(path, store)


def _fill(
    store: RowStore,
    source: Source,
    check: RowCheck,
    batches: Iterator[pl.DataFrame],
    progress: Callable[[int], None] | None,
) -> None:
    """Move every row to the store, up to the first wrong one."""
    wrong: RowError | None = None
    try:
        for batch in batches:
            rows, wrong = check(batch, store.rows)
            store.add(rows)
            if wrong is not None:
                break
            if progress is not None:
                progress(batch.height)
    except RowError as error:
        wrong = error
    # What the store finds is before what the check found: later rows never got there.
    first = store.seal() or wrong
    if first is not None:
        first = first if first.line is not None else source.locate(first)
        raise LogError(f"{source.path}, {first.place}: {first.problem}; {first.remedy}")
