"""Real texts on known themes, and requests made of them."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import Server, data_folder, serving

START = datetime(2026, 1, 5, 10, tzinfo=UTC)
Body = dict[str, Any]


def behaviors(texts: Sequence[str], first: int = 0) -> list[Body]:
    """Behaviours with these texts, six hours apart."""
    return [
        {"event_id": f"e{n}", "text": text, "occurred_at": (START + timedelta(hours=6 * n)).isoformat()}
        for n, text in enumerate(texts, first)
    ]


def body(texts: Sequence[str], user_id: str, *, first: int = 0, **options: Any) -> Body:
    """A request to `POST /detect`."""
    return {"user_id": user_id, "behaviors": behaviors(texts, first), "options": options}


@pytest.fixture
def user() -> str:
    """A user nobody else has."""
    return f"user-{uuid4()}"


@pytest.fixture(scope="session")
def replicas(model_dir: Path) -> Iterator[list[Server]]:
    """Two services on one database, for tests that do not stop them."""
    with data_folder() as folder, serving(folder, model_dir) as start:
        yield [start(), start()]


@pytest.fixture(scope="session")
def other_model(model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The default model under another name for its vector space, which no profile was made for."""
    folder = tmp_path_factory.mktemp("other-model")
    manifest = json.loads((model_dir / "manifest.json").read_text(encoding="utf-8"))
    for name in manifest["files"]:
        (folder / name).symlink_to((model_dir / name).resolve())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"space": "0" * 64}), encoding="utf-8")
    return str(folder)
