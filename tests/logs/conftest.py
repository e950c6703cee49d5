"""Making logs, and reading them back."""

import tempfile
from pathlib import Path

import polars as pl
import pytest

from service.logs import History, LogError, open_log

HEADER = "user_id,occurred_at,text"
GOOD = "ann,2026-01-05T10:00:00Z,pasta"


def write_csv(path: Path, *rows: str, header: str = HEADER) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def write_parquet(path: Path, **columns: list[object] | pl.Series) -> Path:
    """A log of one good row, but for the given columns."""
    good: dict[str, list[object] | pl.Series] = {
        "user_id": ["ann"],
        "occurred_at": ["2026-01-05T10:00:00Z"],
        "text": ["pasta"],
    }
    pl.DataFrame(good | columns).write_parquet(path)
    return path


def read(path: Path, rows_in_memory: int = 2_000_000) -> list[History]:
    with open_log(path, rows_in_memory=rows_in_memory) as log:
        return list(log.histories())


def plain(history: History) -> dict[str, object]:
    """A history that can be compared."""
    return {
        "user_id": history.user_id,
        "rows": history.rows.tolist(),
        "times": history.times.tolist(),
        "occurred_at": history.occurred_at,
        "texts": history.texts,
        "types": history.types,
        "item_ids": history.item_ids,
        "categories": history.categories,
        "event_ids": history.event_ids,
        "weights": history.weights,
    }


def refusal(path: Path, rows_in_memory: int = 2_000_000) -> str:
    """What the reader says of a log that it refuses, without the folder."""
    with pytest.raises(LogError) as caught, open_log(path, rows_in_memory=rows_in_memory):
        pytest.fail("the log was taken")
    message = str(caught.value)
    assert message.startswith(str(path))
    return message.removeprefix(str(path))


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where temporary files go, empty at first."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder
