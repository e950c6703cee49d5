"""A log in a Parquet file."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
from polars.exceptions import PolarsError

from service.logs.columns import KNOWN, check_columns
from service.logs.errors import LogError, RowError


class ParquetSource:
    """Reads the known columns only; the others are never decoded."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            # A name such as `log[1].parquet` is no pattern, and a folder such as `user_id=3` no column.
            scan = pl.scan_parquet(path, glob=False, hive_partitioning=False)
            found = scan.collect_schema()
        except (PolarsError, OSError) as error:
            raise LogError(f"{path}: not a Parquet file, or cut short: {error}; write the log anew") from error
        check_columns(path, found.names())
        self.schema = pl.Schema({name: dtype for name, dtype in found.items() if name in KNOWN})
        self._scan = scan

    def count(self) -> int:
        """Data rows, from the file's footer."""
        return int(self._scan.select(pl.len()).collect().item())

    def batches(self, size: int) -> Iterator[pl.DataFrame]:
        """See `Source`."""
        try:
            yield from self._scan.select(self.schema.names()).collect_batches(chunk_size=size)
        except (PolarsError, OSError) as error:
            raise LogError(f"{self.path}: the file is damaged: {error}; write the log anew") from error

    def careful(self, size: int) -> Iterator[pl.DataFrame]:
        """The same: Parquet has no malformed rows."""
        return self.batches(size)

    def locate(self, fault: RowError) -> RowError:
        """The fault as it is."""
        return fault
