"""Logs that are good."""

import gzip
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from service.logs import open_log
from service.logs.history import _CHUNK
from tests.logs.conftest import GOOD, HEADER, plain, read, write_csv, write_parquet

FULL = "note,user_id,occurred_at,text,type,item_id,category,event_id,weight"


def test_every_column_of_a_csv(tmp_path: Path) -> None:
    log = write_csv(
        tmp_path / "log.csv",
        'x,007,2026-01-05T10:00:00+02:00,"fresh pasta, with ""basil""",purchase,i1,food,e1,2.5',
        "x,bob,2026-01-05 10:00:00.25Z, soup ,,, ,,",
        "x,007,2026-01-05T10:00:00+02:00,bread,view,0012,food,e2,0",
        header=FULL,
    )
    first, second = read(log)
    assert plain(first) == {
        "user_id": "007",
        "rows": [1, 3],
        "times": [datetime(2026, 1, 5, 8, tzinfo=UTC).timestamp()] * 2,
        "occurred_at": ["2026-01-05T10:00:00+02:00"] * 2,
        "texts": ['fresh pasta, with "basil"', "bread"],
        "types": ["purchase", "view"],
        "item_ids": ["i1", "0012"],
        "categories": ["food", "food"],
        "event_ids": ["e1", "e2"],
        "weights": [2.5, 0.0],
    }
    assert plain(second) == {
        "user_id": "bob",
        "rows": [2],
        "times": [datetime(2026, 1, 5, 10, 0, 0, 250_000, tzinfo=UTC).timestamp()],
        "occurred_at": ["2026-01-05 10:00:00.25Z"],
        "texts": [" soup "],
        "types": ["view"],
        "item_ids": [None],
        "categories": [None],
        "event_ids": [None],
        "weights": [None],
    }


def test_without_the_optional_columns(tmp_path: Path) -> None:
    (history,) = read(write_csv(tmp_path / "log.csv", GOOD))
    assert (history.types, history.item_ids, history.weights) == (["view"], [None], [None])


def test_parquet_and_compressed_csv_read_as_csv_does(tmp_path: Path) -> None:
    rows = [
        f"user-{n % 3},2026-01-05T10:00:{n:02d}+00:00,did {n},{'view' if n % 2 else ''},i{n},,e{n},{n / 4 if n else ''}"
        for n in range(20)
    ]
    header = FULL.removeprefix("note,")
    csv = write_csv(tmp_path / "log.csv", *rows, header=header)
    (tmp_path / "log.csv.gz").write_bytes(gzip.compress(csv.read_bytes()))
    frame = pl.read_csv(csv, schema_overrides={"category": pl.String})
    frame.write_parquet(tmp_path / "strings.parquet")
    typed = frame.with_columns(
        pl.col("occurred_at").str.to_datetime(time_zone="UTC"), pl.col("user_id").cast(pl.Categorical)
    )
    typed.write_parquet(tmp_path / "typed.parquet")

    expected = [plain(history) for history in read(csv)]
    assert len(expected) == 3
    for name in ("log.csv.gz", "strings.parquet", "typed.parquet"):
        assert [plain(history) for history in read(tmp_path / name)] == expected, name


def test_parquet_integers_are_ids_and_times_keep_their_zone(tmp_path: Path) -> None:
    times = pl.Series([datetime(2026, 7, 5, 8, 0, 0, 500_000, tzinfo=UTC)]).dt.convert_time_zone("Europe/Berlin")
    log = write_parquet(
        tmp_path / "log.parquet",
        user_id=[7],
        occurred_at=times,
        item_id=[12],
        category=[3],
        event_id=pl.Series([None], dtype=pl.Null),
        weight=["1.5"],
    )
    (history,) = read(log)
    assert (history.user_id, history.item_ids, history.categories, history.event_ids) == ("7", ["12"], ["3"], [None])
    assert datetime.fromisoformat(history.occurred_at[0]) == times[0]
    assert history.occurred_at[0].endswith("+02:00")
    assert history.times.tolist() == [times[0].timestamp()]
    assert history.weights == [1.5]


def test_a_log_counts_its_rows_and_users_and_tells_of_its_progress(tmp_path: Path) -> None:
    log = write_csv(tmp_path / "log.csv", *(f"user-{n % 4},2026-01-05T10:00:00Z,x" for n in range(30)))
    read_so_far: list[int] = []
    with open_log(log, rows_in_memory=20, progress=read_so_far.append) as opened:
        assert (opened.path, opened.rows, opened.users) == (log, 30, 4)
    assert sum(read_so_far) == 30
    assert len(read_so_far) > 1


@pytest.mark.parametrize("name", ["log[1].csv", "LOG.CSV", "*.csv"])
def test_a_name_is_no_pattern(tmp_path: Path, name: str) -> None:
    write_csv(tmp_path / "log1.csv", "other,2026-01-05T10:00:00Z,x")
    assert [history.user_id for history in read(write_csv(tmp_path / name, GOOD))] == ["ann"]


def test_a_folder_name_is_no_column(tmp_path: Path) -> None:
    folder = tmp_path / "user_id=bob"
    folder.mkdir()
    assert [history.user_id for history in read(write_parquet(folder / "log.parquet"))] == ["ann"]


def test_blank_lines_are_no_rows(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_bytes(f"\ufeff{HEADER}\r\n{GOOD}\r\n\r\nbob,2026-01-05T10:00:00Z,soup\r\n\r\n".encode())
    assert [(history.user_id, history.rows.tolist(), history.texts) for history in read(log)] == [
        ("ann", [1], ["pasta"]),
        ("bob", [2], ["soup"]),
    ]


def test_commas_in_text_beside_an_empty_last_column_are_no_fault(tmp_path: Path) -> None:
    log = write_csv(
        tmp_path / "log.csv", 'ann,2026-01-05T10:00:00Z,"a, b, c","x,y"', f"{GOOD},", header=f'{HEADER},"n,m"'
    )
    assert read(log)[0].texts == ["a, b, c", "pasta"]


def test_users_come_by_their_first_row_and_many_of_them_are_cut_right(tmp_path: Path) -> None:
    """More rows than are turned into Python objects at a time, users of every size."""
    users = [user for user in range(200) for _ in range(user)]
    frame = pl.DataFrame({"user_id": users, "text": [f"{user} did {n}" for n, user in enumerate(users)]})
    shuffled = frame.sample(fraction=1, shuffle=True, seed=0)
    log = write_parquet(
        tmp_path / "log.parquet",
        **shuffled.to_dict(),
        occurred_at=pl.repeat("2026-01-05T10:00:00Z", len(users), eager=True),
    )
    assert len(users) > 2 * _CHUNK
    expected: dict[str, list[str]] = {}
    for user, text in shuffled.rows():
        expected.setdefault(str(user), []).append(text)
    assert [(history.user_id, history.texts) for history in read(log)] == list(expected.items())
