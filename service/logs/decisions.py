"""Writing the decisions of a replay."""

import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

import polars as pl
from polars.exceptions import PolarsError

from service.logs.errors import LogError, joined

SCHEMA = pl.Schema(
    {
        "user_id": pl.String,
        "event_id": pl.String,
        "occurred_at": pl.String,
        "position": pl.Int64,
        "status": pl.String,
        "log_odds": pl.Float64,
        "probability": pl.Float64,
        "mutated": pl.Boolean,
        "changed_position": pl.Int64,
        "magnitude": pl.Float64,
        "cosine_distance": pl.Float64,
        "rate_per_day": pl.Float64,
        "window": pl.Float64,
    }
)
DECISION_COLUMNS = tuple(SCHEMA.names())

FLUSH = 100_000
"""Rows held before they are written, and rows of a Parquet row group."""


class DecisionsWriter:
    """Writes decisions to CSV or Parquet, by the path's ending, whole or not at all.

    A context manager. Until it ends well, everything is in a hidden folder beside the file; then the file takes its
    place in one step, replacing an older one. After an error the folder is removed and an older file is as it was.

    Args:
        path: `*.csv` or `*.parquet`.

    Raises:
        LogError: another ending, on entering a folder that cannot be written to, or later no room left.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix.lower() not in {".csv", ".parquet"}:
            raise LogError(f"{path}: the ending says neither CSV nor Parquet; name the file *.csv or *.parquet")
        self._path = path
        self._is_parquet = path.suffix.lower() == ".parquet"
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._held: list[pl.DataFrame] = []
        self._rows_held = 0
        self._written = 0

    def __enter__(self) -> Self:
        if self._path.is_dir():
            raise LogError(f"{self._path}: a folder, not a file; name a file in it")
        try:
            self._folder = tempfile.TemporaryDirectory(prefix=f".{self._path.name}.", dir=self._path.parent)
        except OSError as error:
            raise self._unwritable(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._folder is None:
            return
        try:
            if kind is None:
                self._finish()
        finally:
            self._folder.cleanup()
            self._folder = None

    def write(self, frame: pl.DataFrame) -> None:
        """Append rows; the columns of `SCHEMA`, in any order.

        Raises:
            LogError: no room left.
            ValueError: other columns than those of `SCHEMA`.
        """
        if set(frame.columns) != set(DECISION_COLUMNS):
            raise ValueError(f"decisions need {joined(list(DECISION_COLUMNS))}; there are {joined(frame.columns)}")
        # A frame whose every event_id is None has the type Null there.
        self._held.append(frame.select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items()))
        self._rows_held += frame.height
        if self._rows_held >= FLUSH:
            self._flush()

    def _flush(self) -> None:
        rows = pl.concat([SCHEMA.to_frame(), *self._held])
        self._held = []
        self._rows_held = 0
        try:
            if self._is_parquet:
                rows.write_parquet(self._temporary(f"part-{self._written:06d}.parquet"))
            else:
                with self._temporary("whole").open("ab") as file:
                    rows.write_csv(file, include_header=not self._written)
        except (PolarsError, OSError) as error:
            raise self._unwritable(error) from error
        self._written += 1

    def _finish(self) -> None:
        if self._held or not self._written:
            self._flush()
        whole = self._temporary("whole")
        try:
            if self._is_parquet:
                parts = [self._temporary(f"part-{n:06d}.parquet") for n in range(self._written)]
                pl.scan_parquet(parts, glob=False).sink_parquet(whole, row_group_size=FLUSH)
            whole.replace(self._path)
        except (PolarsError, OSError) as error:
            raise self._unwritable(error) from error

    def _temporary(self, name: str) -> Path:
        if self._folder is None:
            raise RuntimeError("decisions are written within the writer's context")
        return Path(self._folder.name, name)

    def _unwritable(self, error: Exception) -> LogError:
        return LogError(f"{self._path}: cannot be written: {error}; name a folder that is there, writable and has room")
