"""A log in a CSV file."""

import csv
import gzip
import zlib
from collections.abc import Iterator
from io import BufferedReader, TextIOWrapper
from pathlib import Path

import polars as pl
from polars.exceptions import NoDataError, PolarsError

from service.logs.columns import KNOWN, check_columns
from service.logs.errors import LogError, MalformedError, RowError, joined, shown

CHUNK = 1 << 20
"""Bytes read at a time where only commas or lines are counted."""

_DAMAGE = (OSError, EOFError, zlib.error)
"""What reading a compressed file that is cut short or overwritten raises."""


class CsvSource:
    """Reads every value as text, so that the user id 007 stays as it is.

    Two readers share the work. Polars is fast, but does not say where a fault is, and fills a row that is too short
    with nulls. Python's own reader is slow and knows the line; it is asked only once something is known to be wrong.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            # Every column is read, known or not: polars does not see a row that is too long in columns left out.
            scan = pl.scan_csv(path, infer_schema=False, glob=False)
            self._names = scan.collect_schema().names()
        except NoDataError as error:
            raise LogError(f"{path}: the file is empty; write the log anew") from error
        except (PolarsError, OSError) as error:
            raise LogError(f"{path}: cannot be read: {error}; write the log anew") from error
        self._check_header()
        self.schema = pl.Schema(dict.fromkeys((name for name in self._names if name in KNOWN), pl.String))
        self._scan = scan

    def count(self) -> int:
        """Lines, which are no fewer than rows."""
        return self._occurrences(b"\n")

    def batches(self, size: int) -> Iterator[pl.DataFrame]:
        """See `Source`."""
        rows, gaps = 0, False
        try:
            for batch in self._scan.collect_batches(chunk_size=size):
                frame = batch
                if batch[self._names[-1]].null_count():
                    gaps = True
                    frame = batch.filter(~pl.all_horizontal(pl.all().is_null()))  # blank lines are no rows
                rows += frame.height
                yield frame.select(self.schema.names())
            if gaps and self._occurrences(b",") != self._commas_expected(rows):
                raise MalformedError("some rows have fewer fields than the header")
        except (PolarsError, OSError) as error:
            raise MalformedError(str(error)) from error

    def careful(self, size: int) -> Iterator[pl.DataFrame]:
        """See `Source`."""
        rows: list[list[str]] = []
        fault: RowError | None = None
        try:
            for _, fields in self._checked_rows():
                rows.append(fields)
                if len(rows) == size:
                    yield self._frame(rows)
                    rows = []
        except RowError as error:
            fault = error
        yield self._frame(rows)
        if fault is not None:
            raise fault

    def locate(self, fault: RowError) -> RowError:
        """See `Source`."""
        try:
            for row, (line, _) in enumerate(self._checked_rows(), start=1):
                if row == fault.row:
                    return RowError(row, fault.problem, fault.remedy, line)
        except RowError as malformed:
            return malformed
        return fault

    def _check_header(self) -> None:
        if any("\ufffd" in name for name in self._names):
            raise LogError(f"{self.path}: the header is not UTF-8: {shown(joined(self._names))}; save the log as UTF-8")
        check_columns(self.path, self._names)
        twice = [name for name in KNOWN if f"{name}_duplicated_0" in self._names]
        if twice:
            raise LogError(f"{self.path}: the column {joined(twice)} is there more than once; keep one")

    def _checked_rows(self) -> Iterator[tuple[int, list[str]]]:
        """Line and fields of each row, up to the first malformed one."""
        row = line = 0
        with self._text() as file:
            reader = csv.reader(file, strict=True)
            try:
                next((fields for fields in reader if fields), None)  # the header
                line = reader.line_num + 1
                for fields in reader:
                    if fields:
                        row += 1
                        self._check_fields(row, line, fields)
                        yield line, fields
                    line = reader.line_num + 1
            except csv.Error as error:
                raise RowError(row + 1, f"cannot be parsed: {error}", "mend it, and check its quotes", line) from error
            except _DAMAGE as error:
                raise RowError(row + 1, f"the file is damaged here: {error}", "write the log anew", line) from error

    def _check_fields(self, row: int, line: int, fields: list[str]) -> None:
        expected = len(self._names)
        if len(fields) != expected:
            problem = f"{len(fields)} fields where the header has {expected}: {shown(','.join(fields))}"
            many = len(fields) > expected
            remedy = "put text that holds a comma in double quotes" if many else "write a comma for an empty field too"
            raise RowError(row, problem, remedy, line)
        for name, field in zip(self._names, fields, strict=True):
            if not field.isascii() and any("\udc80" <= character <= "\udcff" for character in field):
                readable = field.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
                raise RowError(row, f"{name} {shown(readable)} is not UTF-8", "save the log as UTF-8", line)

    def _frame(self, rows: list[list[str]]) -> pl.DataFrame:
        schema = pl.Schema(dict.fromkeys(self._names, pl.String))
        return pl.DataFrame(rows, schema=schema, orient="row").select(self.schema.names())

    def _commas_expected(self, rows: int) -> int:
        """Commas of the file if each row has as many fields as the header."""
        within = pl.sum_horizontal(pl.all().str.count_matches(",", literal=True).cast(pl.Int64).sum())
        separating = rows * (len(self._names) - 1)
        return separating + ",".join(self._names).count(",") + int(self._scan.select(within).collect().item())

    def _occurrences(self, byte: bytes) -> int:
        try:
            with self._bytes() as file:
                return sum(chunk.count(byte) for chunk in iter(lambda: file.read(CHUNK), b""))
        except _DAMAGE as error:
            raise LogError(f"{self.path}: the file is damaged: {error}; write the log anew") from error

    def _bytes(self) -> BufferedReader:
        if self.path.suffix.lower() == ".gz":
            return BufferedReader(gzip.GzipFile(self.path))
        return self.path.open("rb")

    def _text(self) -> TextIOWrapper:
        # A byte that is not UTF-8 becomes a lone surrogate, so that the row that holds it can be told.
        return TextIOWrapper(self._bytes(), encoding="utf-8-sig", errors="surrogateescape", newline="")
