"""Writing decisions."""

from pathlib import Path

import polars as pl
import pytest

from service.logs import DECISION_COLUMNS, SCHEMA, DecisionsWriter, LogError, decisions


def made(first: int, count: int) -> pl.DataFrame:
    """Decisions whose every nullable value is null."""
    return pl.DataFrame(
        {
            "user_id": ["0,07"] * count,
            "event_id": [None] * count,
            "occurred_at": ["2026-01-05T10:00:00Z"] * count,
            "position": range(first, first + count),
            "status": ["stable"] * count,
            "log_odds": [None] * count,
            "probability": [None] * count,
            "mutated": [False] * count,
            "changed_position": [None] * count,
            "magnitude": [0.1 + 0.2] * count,
            "cosine_distance": [0.5] * count,
            "rate_per_day": [1.0] * count,
            "window": [20.0] * count,
        }
    )


def read(path: Path) -> pl.DataFrame:
    if path.suffix == ".parquet":
        return pl.read_parquet(path, glob=False)
    return pl.read_csv(path, schema=SCHEMA, glob=False)


@pytest.fixture(params=["out.csv", "out.parquet", "out[1].PARQUET"])
def path(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return tmp_path / str(request.param)


def test_many_small_frames_become_one_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decisions, "FLUSH", 10)
    with DecisionsWriter(path) as writer:
        for n in range(37):
            writer.write(made(n, 1).select(reversed(DECISION_COLUMNS)))
            assert sum(frame.height for frame in writer._held) < 10
    written = read(path) if path.suffix != ".PARQUET" else pl.read_parquet(path, glob=False)
    assert written.schema == SCHEMA
    assert written.equals(made(0, 37).cast(SCHEMA))
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_no_decisions_are_a_file_with_columns(path: Path) -> None:
    with DecisionsWriter(path):
        pass
    written = pl.read_csv(path) if path.suffix == ".csv" else pl.read_parquet(path, glob=False)
    assert (written.columns, written.height) == (list(DECISION_COLUMNS), 0)


def test_after_an_error_the_old_file_is_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decisions, "FLUSH", 2)
    path.write_text("old")
    writer = DecisionsWriter(path).__enter__()
    writer.write(made(0, 5))
    writer.__exit__(KeyError, KeyError(), None)
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]
    with DecisionsWriter(path) as writer:
        writer.write(made(0, 5))
        assert path.read_text() == "old"
    assert path.read_bytes() != b"old"


def test_another_ending(tmp_path: Path) -> None:
    with pytest.raises(LogError, match=r"name the file \*\.csv or \*\.parquet"):
        DecisionsWriter(tmp_path / "out.json")


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    with pytest.raises(LogError, match=r"cannot be written: .*No such file.*; name a folder that is there"):
        DecisionsWriter(tmp_path / "absent" / "out.csv").__enter__()
    (tmp_path / "out.csv").mkdir()
    with pytest.raises(LogError, match="a folder, not a file"):
        DecisionsWriter(tmp_path / "out.csv").__enter__()


def test_other_columns(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match=r"decisions need user_id.*; there are user_id, verdict"),
        DecisionsWriter(tmp_path / "out.csv") as writer,
    ):
        writer.write(pl.DataFrame({"user_id": ["a"], "verdict": [1]}))
    assert not list(tmp_path.iterdir())
