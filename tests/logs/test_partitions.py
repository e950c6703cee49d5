"""A log that does not fit in memory."""

import random
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from service.logs import LogError, open_log
from service.logs.csv_source import CsvSource
from service.logs.errors import MalformedError
from service.logs.store import RowStore
from tests.logs.conftest import plain, read, refusal, write_csv

ROWS = 3000
USERS = 150
BUDGET = 400


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Users interleaved at random."""
    order = random.Random(5)  # noqa: S311 - no secret
    return write_csv(
        tmp_path / "log.csv",
        *(
            f"user-{order.randrange(USERS)},2026-01-05T{n // 3600:02d}:{n // 60 % 60:02d}:{n % 60:02d}Z,text {n},{n}"
            for n in range(ROWS)
        ),
        header="user_id,occurred_at,text,event_id",
    )


def test_the_same_histories_as_in_memory(log: Path, scratch: Path) -> None:
    whole = {history.user_id: plain(history) for history in read(log)}
    with open_log(log, rows_in_memory=BUDGET) as opened:
        assert list(scratch.iterdir()), "nothing was partitioned"
        assert (opened.rows, opened.users) == (ROWS, len(whole))
        histories = [plain(history) for history in opened.histories()]
        again = [plain(history) for history in opened.histories()]
    assert len(histories) == USERS
    assert {history["user_id"]: history for history in histories} == whole
    assert again == histories


def test_a_second_reading_has_the_same_order(log: Path) -> None:
    first = [history.user_id for history in read(log, BUDGET)]
    assert [history.user_id for history in read(log, BUDGET)] == first


def test_no_more_rows_than_allowed_are_held(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[int] = []
    add, frames = RowStore.add, RowStore.frames

    def counted_add(store: RowStore, rows: pl.DataFrame) -> None:
        held.append(rows.height + sum(frame.height for frame in store._held))
        add(store, rows)

    def counted_frames(store: RowStore) -> Iterator[pl.DataFrame]:
        for frame in frames(store):
            held.append(frame.height)
            yield frame

    monkeypatch.setattr(RowStore, "add", counted_add)
    monkeypatch.setattr(RowStore, "frames", counted_frames)
    read(log, BUDGET)
    batch = BUDGET // 4
    assert max(held) <= BUDGET + batch
    assert len(held) > ROWS // batch, "no partition was counted"


def test_a_small_log_needs_no_files(log: Path, scratch: Path) -> None:
    with open_log(log, rows_in_memory=ROWS) as opened:
        assert len(list(opened.histories())) == USERS
        assert not list(scratch.iterdir())


def test_temporary_files_are_removed(log: Path, scratch: Path) -> None:
    with open_log(log, rows_in_memory=BUDGET):
        assert list(scratch.iterdir())
    assert not list(scratch.iterdir())
    context = open_log(log, rows_in_memory=BUDGET)
    context.__enter__()
    assert list(scratch.iterdir())
    assert not context.__exit__(KeyError, KeyError(), None)
    assert not list(scratch.iterdir())


def test_temporary_files_are_removed_when_the_log_is_refused(
    log: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spills: list[None] = []
    spill = RowStore._spill

    def counted(store: RowStore) -> None:
        spills.append(None)
        spill(store)

    monkeypatch.setattr(RowStore, "_spill", counted)
    with log.open("a") as file:
        file.write("ann,never,x,1\n")
    assert f", row {ROWS + 1} (line {ROWS + 2}): occurred_at 'never'" in refusal(log, BUDGET)
    assert spills
    assert not list(scratch.iterdir())


def test_no_room_for_temporary_files(log: Path, scratch: Path) -> None:
    scratch.rmdir()
    with (
        pytest.raises(LogError, match=r"cannot write temporary files to .*; point TMPDIR to"),
        open_log(log, rows_in_memory=BUDGET),
    ):
        pytest.fail("the log was taken")


def test_the_careful_reader_reads_the_same(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has the last word where the fast one, and only that, stumbles half-way."""
    batches = CsvSource.batches

    def stumbling(source: CsvSource, size: int) -> Iterator[pl.DataFrame]:
        yield next(batches(source, size))
        raise MalformedError

    fast = [plain(history) for history in read(log, BUDGET)]
    monkeypatch.setattr(CsvSource, "batches", stumbling)
    assert [plain(history) for history in read(log, BUDGET)] == fast


def test_one_user_with_more_rows_than_allowed_stays_whole(tmp_path: Path) -> None:
    log = write_csv(tmp_path / "log.csv", *(f"ann,2026-01-05T10:00:00Z,text {n}" for n in range(50)))
    (history,) = read(log, 3)
    assert history.rows.tolist() == list(range(1, 51))
