"""Logs that cannot be used, and what is said of them."""

import gzip
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from tests.logs.conftest import GOOD, HEADER, refusal, write_csv, write_parquet


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (",2026-01-05T10:00:00Z,x", "user_id is empty; give every row a user"),
        ("  ,2026-01-05T10:00:00Z,x", "user_id is empty"),
        ("ann,,x", "occurred_at is empty"),
        (
            "ann,2026-01-05T10:00:00,x",
            "occurred_at '2026-01-05T10:00:00' has no UTC offset; write it as 2026-01-05T10:00",
        ),
        ("ann,2026-01-05,x", "occurred_at '2026-01-05' has no UTC offset"),
        ("ann,yesterday,x", "occurred_at 'yesterday' is not a time in RFC 3339; write it as 2026-01-05T10:00:00+00:00"),
        ("ann,2026-02-30T10:00:00Z,x", "'2026-02-30T10:00:00Z' is not a time"),
        ("ann,2026-01-05T10:00:00 +02:00,x", "'2026-01-05T10:00:00 +02:00' is not a time"),
        ("ann,1767607200,x", "'1767607200' is not a time"),
        ("ann,2026-01-05T10:00:00Z,", "text is empty"),
        ("ann,2026-01-05T10:00:00Z,\u3000 ", "text is empty; say what it was about"),
        (f"ann,{'9' * 200},x", f"occurred_at '{'9' * 59}…' is not a time"),
    ],
)
def test_a_wrong_value(tmp_path: Path, row: str, said: str) -> None:
    """The first wrong row is named, though a later one is wrong too."""
    message = refusal(write_csv(tmp_path / "log.csv", GOOD, row, "bob,never,"))
    assert message.startswith(", row 2 (line 3): ")
    assert said in message


@pytest.mark.parametrize(
    ("weight", "said"),
    [
        ("heavy", "weight 'heavy' is not a number"),
        ("-0.5", "weight '-0.5' is negative; write 0 or more"),
        ("nan", "weight 'nan' is not finite"),
        ("inf", "weight 'inf' is not finite"),
        ("-inf", "weight '-inf' is not finite"),
    ],
)
def test_a_wrong_weight(tmp_path: Path, weight: str, said: str) -> None:
    csv = write_csv(tmp_path / "log.csv", f"{GOOD},1", f"{GOOD},{weight}", header=f"{HEADER},weight")
    assert said in refusal(csv)
    if weight != "heavy":
        parquet = write_parquet(tmp_path / "log.parquet", weight=[float(weight)])
        assert refusal(parquet).startswith(f", row 1: {said.split(' ', maxsplit=1)[0]} '{float(weight)}'")
    assert said in refusal(write_parquet(tmp_path / "strings.parquet", weight=[weight]))


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"user_id": [1.5]}, ": user_id is of type Float64; write it as strings or integers"),
        ({"user_id": [["ann"]]}, ": user_id is of type List(String); write it as strings or integers"),
        ({"item_id": [True]}, ": item_id is of type Boolean; write it as strings or integers"),
        ({"text": [5]}, ": text is of type Int64; write it as strings"),
        ({"weight": [date(2026, 1, 5)]}, ": weight is of type Date; write it as numbers"),
        ({"occurred_at": [1767607200]}, ": occurred_at is of type Int64; write it as times with a time zone"),
        ({"occurred_at": [datetime(2026, 1, 5)]}, "without a time zone; give it one, such as UTC"),  # noqa: DTZ001 - on purpose
        ({"text": [None]}, ", row 1: text is empty"),
        ({"occurred_at": pl.Series([None], dtype=pl.Datetime("us", "UTC"))}, ", row 1: occurred_at is empty"),
        ({"occurred_at": ["2026-01-05 10:00"]}, ", row 1: occurred_at '2026-01-05 10:00' has no UTC offset"),
    ],
)
def test_a_wrong_parquet_column(tmp_path: Path, columns: dict[str, list[object]], said: str) -> None:
    assert said in refusal(write_parquet(tmp_path / "log.parquet", **columns))


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (
            "userid,occurred_at,text",
            ": no column user_id; found userid, occurred_at, text; rename 'userid' to 'user_id'",
        ),
        ("user_id,Occurred_At,text", "rename 'Occurred_At' to 'occurred_at'"),
        ("user_id,occurred_at,price", ": no column text; found user_id, occurred_at, price; add it to the log"),
        ("user_id;occurred_at;text", "separate the columns by commas"),
        ("user_id,occurred_at,text,text", ": the column text is there more than once; keep one"),
    ],
)
def test_wrong_columns(tmp_path: Path, header: str, said: str) -> None:
    assert said in refusal(write_csv(tmp_path / "log.csv", header=header))


def test_wrong_columns_of_parquet(tmp_path: Path) -> None:
    pl.DataFrame({"user": ["ann"], "text": ["x"]}).write_parquet(tmp_path / "log.parquet")
    assert "no column user_id, occurred_at; found user, text; rename 'user' to 'user_id'" in refusal(
        tmp_path / "log.parquet"
    )


def test_no_such_file_and_no_file_at_all(tmp_path: Path) -> None:
    assert refusal(tmp_path / "log.csv") == ": no such file; check the path"
    assert refusal(tmp_path / "log.parquet") == ": no such file; check the path"
    (tmp_path / "folder.csv").mkdir()
    assert refusal(tmp_path / "folder.csv") == ": a folder, not a file; name one log in it"
    assert "name the log *.csv, *.csv.gz or *.parquet" in refusal(tmp_path / "log.json")


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    log = write_csv(tmp_path / "log.csv", GOOD)
    monkeypatch.setattr(Path, "open", denied)
    assert refusal(log) == ": cannot be read: Permission denied; check its permissions"


@pytest.mark.parametrize("name", ["log.csv", "log.parquet", "log.csv.gz"])
def test_an_empty_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert "the file is empty" in refusal(tmp_path / name)


def test_a_log_without_rows(tmp_path: Path) -> None:
    assert "the log has no rows" in refusal(write_csv(tmp_path / "log.csv"))
    empty = write_parquet(tmp_path / "log.parquet", user_id=[], occurred_at=[], text=[])
    assert "the log has no rows" in refusal(empty)


def test_no_parquet_in_spite_of_its_name(tmp_path: Path) -> None:
    log = write_csv(tmp_path / "log.parquet", GOOD)
    assert "not a Parquet file, or cut short" in refusal(log)


def test_a_damaged_parquet_file(tmp_path: Path) -> None:
    log = write_parquet(tmp_path / "log.parquet")
    content = bytearray(log.read_bytes())
    content[4:64] = b"x" * 60
    log.write_bytes(content)
    assert "the file is damaged" in refusal(log)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            "ann,2026-01-05T10:00:00Z,pasta, fresh,i1",
            "5 fields where the header has 4: 'ann,2026-01-05T10:00:00Z,pasta, f",
        ),
        ("ann,2026-01-05T10:00:00Z", "2 fields where the header has 4"),
        (
            "ann,2026-01-05T10:00:00Z,pasta",
            "3 fields where the header has 4: 'ann,2026-01-05T10:00:00Z,pasta'; write a comma",
        ),
        ('ann,2026-01-05T10:00:00Z,"pasta"fresh,i1', "cannot be parsed"),
        (
            'ann,2026-01-05T10:00:00Z,"pasta,i1',
            "cannot be parsed: unexpected end of data; mend it, and check its quotes",
        ),
    ],
)
@pytest.mark.parametrize("rows_in_memory", [1, 2_000_000])
def test_a_malformed_row(tmp_path: Path, row: str, said: str, rows_in_memory: int) -> None:
    """Told with its line, which the line break in the first row's text moves."""
    good = 'ann,2026-01-05T10:00:00Z,"fresh\npasta",i1'
    log = write_csv(tmp_path / "log.csv", good, good, row, header=f"{HEADER},item_id")
    message = refusal(log, rows_in_memory)
    assert message.startswith(", row 3 (line 6): ")
    assert said in message


def test_a_wrong_value_before_a_malformed_row_comes_first(tmp_path: Path) -> None:
    log = write_csv(tmp_path / "log.csv", GOOD, "ann,2026-01-05T09:00:00Z,x", "bob,never,x", f"{GOOD},too,many")
    assert ", row 2 (line 3): occurred_at '2026-01-05T09:00:00Z' is before" in refusal(log)


def test_text_that_is_not_utf_8(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_bytes(f"{HEADER}\n{GOOD}\nann,2026-01-05T10:00:00Z,café\n".encode("latin-1"))
    assert refusal(log) == ", row 2 (line 3): text 'caf\ufffd' is not UTF-8; save the log as UTF-8"
    log.write_bytes(f"{HEADER}\n{GOOD}\n".encode("utf-16"))
    assert "the header is not UTF-8" in refusal(log)


def test_a_compressed_log_cut_short(tmp_path: Path) -> None:
    content = gzip.compress(("\n".join([HEADER, *[GOOD] * 1000])).encode())
    (tmp_path / "log.csv.gz").write_bytes(content[:-20])
    assert refusal(tmp_path / "log.csv.gz") == ": cannot be read: unexpected end of file; write the log anew"


def test_a_short_row_that_reads_well_comes_before_a_wrong_value(tmp_path: Path) -> None:
    log = write_csv(tmp_path / "log.csv", f"{GOOD},i1", GOOD, "bob,never,x,i1", header=f"{HEADER},item_id")
    assert ", row 2 (line 3): 3 fields where the header has 4" in refusal(log)


@pytest.mark.parametrize("rows_in_memory", [2, 2_000_000])
def test_times_out_of_order(tmp_path: Path, rows_in_memory: int) -> None:
    """Two users descend; the row that comes first in the file is named, with its user's row before it."""
    log = write_csv(
        tmp_path / "log.csv",
        "ann,2026-01-05T10:00:00Z,x",
        "bob,2026-01-05T09:00:00Z,x",
        "bob,2026-01-05T09:00:00Z,x",
        "cid,2026-01-05T09:00:00Z,x",
        "bob,2026-01-05T10:00:00+02:00,x",
        "ann,2026-01-05T09:59:59Z,x",
        "ann,yesterday,x",
    )
    assert refusal(log, rows_in_memory) == (
        ", row 5 (line 6): occurred_at '2026-01-05T10:00:00+02:00' is before '2026-01-05T09:00:00Z' in row 3, "
        "of the same user 'bob'; sort the log by occurred_at"
    )


def test_times_out_of_order_in_parquet(tmp_path: Path) -> None:
    times = [datetime(2026, 1, 5, 10, tzinfo=UTC), datetime(2026, 1, 5, 9, tzinfo=UTC)]
    log = write_parquet(tmp_path / "log.parquet", user_id=["a", "a"], text=["x", "y"], occurred_at=list(times))
    assert ", row 2: occurred_at '2026-01-05T09:00:00+00:00' is before '2026-01-05T10:00:00+00:00' in row 1" in refusal(
        log
    )
