"""Rows between reading and grouping: in memory while they are few, else in temporary files."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import polars as pl
from polars.exceptions import PolarsError

from service.logs.check import ROW_SCHEMA
from service.logs.errors import LogError, RowError
from service.logs.history import first_descent, group


class RowStore:
    """Takes rows in file order and gives them back grouped by user, a bounded number at a time.

    This is the first half of a Grace hash join (Kitsuregawa, Tanaka and Moto-oka 1983): once there are more than
    `rows_in_memory` rows, each goes to one of several partitions by a hash of its user, so that no user is split and
    any one partition fits in memory. Only a single user with more rows than that needs more.

    Args:
        rows_in_memory: rows held at once, more or less.
        count: rows to come in all; asked once, and only if they are too many.
    """

    def __init__(self, rows_in_memory: int, count: Callable[[], int]) -> None:
        self._rows_in_memory = rows_in_memory
        self._count = count
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._partitions = 0
        self.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget every row and remove the temporary files."""
        if self._folder is not None:
            self._folder.cleanup()
        self._folder = None
        self._held: list[pl.DataFrame] = []
        self._written = 0
        self.rows = 0
        self.users = 0

    def add(self, rows: pl.DataFrame) -> None:
        """Take rows, of `ROW_SCHEMA`.

        Raises:
            LogError: the temporary files cannot be written.
        """
        self._held.append(rows)
        self.rows += rows.height
        limit = self._rows_in_memory if self._folder is None else self._rows_in_memory // 2
        if sum(frame.height for frame in self._held) > limit:
            self._spill()

    def seal(self) -> RowError | None:
        """Group the rows by user, after the last one was added.

        Returns:
            The first row that is earlier than its user's row before it, if any.
        """
        if self._folder is None:
            grouped = group(pl.concat(self._held, rechunk=True) if self._held else ROW_SCHEMA.to_frame())
            self._held = [grouped]
            self.users = grouped["first"].n_unique()
            return first_descent(grouped)
        self._spill()
        descents = [self._seal(partition) for partition in range(self._partitions)]
        return min((descent for descent in descents if descent is not None), key=lambda it: it.row, default=None)

    def frames(self) -> Iterator[pl.DataFrame]:
        """Grouped rows, a partition at a time; the same each time."""
        if self._folder is None:
            yield from self._held
            return
        for partition in range(self._partitions):
            path = self._path("grouped", partition)
            if path.exists():
                yield pl.read_parquet(path, glob=False)

    def _spill(self) -> None:
        """Move the rows held to the partitions' files."""
        if not self._held:
            return
        try:
            if self._folder is None:
                self._partitions = self._partitions_needed()
                self._folder = tempfile.TemporaryDirectory(prefix="swerve-log-")
            held = pl.concat(self._held)
            self._held = []
            parted = held.with_columns(partition=pl.col("user_id").hash(seed=0) % self._partitions)
            for key, part in parted.partition_by("partition", as_dict=True, include_key=False).items():
                self._write(part, self._path("part", int(key[0]), self._written))
            self._written += 1
        except OSError as error:
            raise _no_room(error) from error

    def _partitions_needed(self) -> int:
        # Twice as many as were enough if users were spread evenly, for they are not.
        return max(2, -(-2 * self._count() // self._rows_in_memory))

    def _seal(self, partition: int) -> RowError | None:
        paths = [path for n in range(self._written) if (path := self._path("part", partition, n)).exists()]
        if not paths:
            return None
        grouped = group(pl.concat([pl.read_parquet(path, glob=False) for path in paths]))
        self.users += grouped["first"].n_unique()
        self._write(grouped, self._path("grouped", partition))
        for path in paths:
            path.unlink()
        return first_descent(grouped)

    def _write(self, rows: pl.DataFrame, path: Path) -> None:
        try:
            rows.write_parquet(path, compression="lz4", statistics=False)
        except (PolarsError, OSError) as error:
            raise _no_room(error) from error

    def _path(self, kind: str, *numbers: int) -> Path:
        if self._folder is None:
            raise RuntimeError("the store has no temporary files")
        return Path(self._folder.name, "-".join([kind, *(f"{number:06d}" for number in numbers)]) + ".parquet")


def _no_room(error: Exception) -> LogError:
    return LogError(
        f"cannot write temporary files to {tempfile.gettempdir()}: {error}; point TMPDIR to a folder with as much room "
        "as the log takes"
    )
