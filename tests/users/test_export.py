"""The export against what is in the tables, through real HTTP."""

import base64
import json
import zlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import numpy as np
import psutil  # type: ignore[import-untyped]  # ships no types
import pytest

from service.database.base import Base
from service.detection import codec, pending_codec
from service.identity import SECRET_FILE, key_id, user_key
from tests.conftest import ROOT, Server
from tests.detect.conftest import body
from tests.users.database import TABLES_OF_USERS, rows

TEXTS = [f"{word} {thing}" for word in ("fresh", "best", "cheap") for thing in ("pasta", "bread", "soup", "cheese")]
STARS = [
    f"{word} {thing}" for word in ("faint", "bright", "distant") for thing in ("galaxy", "comet", "nebula", "moon")
]
MANY = 10_000
MEGABYTE = 2**20


@pytest.fixture
def user() -> str:
    return f"user-{uuid4()}"


def secret(server: Server) -> bytes:
    return bytes.fromhex((server.data_dir / SECRET_FILE).read_text())


def stored(server: Server, user: str) -> dict[str, list[dict[str, Any]]]:
    """The user's rows of every table that the metadata know to hold something of users."""
    key = user_key(secret(server), "default", user)
    found = {}
    for table in TABLES_OF_USERS:
        order = ", ".join(column.name for column in table.primary_key.columns)
        query = f"SELECT * FROM {table.name} WHERE domain = 'default' AND user_key = $1 ORDER BY {order}"  # noqa: S608
        found[table.name] = rows(server.data_dir, query, key)
    return found


def release(server: Server, user: str) -> None:
    """As if the vector of the user's latest snapshot had left the service with noise."""
    rows(
        server.data_dir,
        "INSERT INTO privacy_releases SELECT domain, user_key, sequence, snapshot_id, model_digest, now(), 0.5, z "
        "FROM snapshots WHERE user_key = $1 ORDER BY sequence DESC LIMIT 1",
        user_key(secret(server), "default", user),
    )


def export(api: httpx.Client, user: str, **query: str) -> dict[str, Any]:
    response = api.get(f"/users/{user}/export", params=query)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    document: dict[str, Any] = response.json()
    return document


def check_shown(column: str, row: dict[str, Any], shown: Any) -> None:
    """That an export's value says what the column holds."""
    value = row[column]
    if column == "user_key":
        assert shown == value.hex()
    elif column in {"z", "z_previous"} and value is not None:
        np.testing.assert_allclose(shown, np.frombuffer(value, "<f4"), atol=1e-6)
    elif column == "codes":
        np.testing.assert_allclose(shown, np.frombuffer(value, np.int8) * np.float32(row["scale"]), atol=1e-6)
    elif column in {"state", "pending"} and value is not None:
        assert base64.b64decode(shown["data"]) == value
    elif column == "response":
        assert shown == json.loads(zlib.decompress(value))
    elif isinstance(value, bytes):
        assert base64.b64decode(shown) == value
    elif isinstance(value, datetime):
        assert datetime.fromisoformat(shown) == value
    elif isinstance(value, UUID):
        assert shown == str(value)
    elif isinstance(value, str) and column in {"change", "scores", "topics", "recent_events", "gained", "lost"}:
        assert shown == json.loads(value)
    else:
        assert shown == value, column


def test_an_export_has_every_column_of_every_table(server: Server, user: str) -> None:
    """A table or column that is new and not exported, or not filled here, fails this."""
    api = server.client
    sent = body(TEXTS, user)
    sent["behaviors"][0]["item_id"] = "sku-1"
    api.post("/detect", json=sent, headers={"Idempotency-Key": "first"})
    api.post("/detect", json=body(STARS, user, first=len(TEXTS), detector="distance", threshold=0.05))
    release(server, user)
    exports, tables = [export(api, user)], [stored(server, user)]
    api.delete(f"/users/{user}")
    exports.append(export(api, user))
    tables.append(stored(server, user))
    for table in TABLES_OF_USERS:
        assert any(held[table.name] for held in tables), f"nothing of a user in {table.name}: let this test fill it"
        for document, held in zip(exports, tables, strict=True):
            shown = document["tables"][table.name]
            assert len(shown) == len(held[table.name]), table.name
            for shown_row, row in zip(shown, held[table.name], strict=True):
                assert set(shown_row) == set(row) == {column.name for column in table.columns}
                for column in row:
                    check_shown(column, row, shown_row[column])
    assert len(exports[0]["tables"]["snapshots"]) > 3, "changes among them"
    assert {name for name, held in exports[1]["tables"].items() if held} == {"tombstones"}
    assert exports[0]["tables"]["user_states"][0]["key_id"] == key_id(secret(server))


def test_the_state_is_readable(server: Server, user: str) -> None:
    api = server.client
    api.post("/detect", json=body([*TEXTS, *STARS], user))
    latest = api.get(f"/users/{user}/interest?include=vectors").json()
    # The newest behaviour is not in the state yet, since another may come before it; all others are, an hour apart.
    api.post("/detect", json=body(TEXTS[:1], user, first=24))
    (row,) = export(api, user)["tables"]["user_states"]
    shown, state = row["state"], codec.decode(base64.b64decode(row["state"]["data"]))
    assert shown["behaviors"] == latest["behaviors"] == 24
    (open_one,) = row["pending"]["behaviors"]
    assert open_one["event_id"] == "e24"
    assert open_one["snapshot"]
    data, topics = base64.b64decode(row["pending"]["data"]), len(shown["regime"]["topics"])
    (entry,) = pending_codec.decode(data, len(open_one["vector"]), topics)
    assert datetime.fromisoformat(open_one["occurred_at"]) == entry.occurred_at
    np.testing.assert_allclose(open_one["vector"], entry.coded.codes * entry.coded.scale, atol=1e-6)
    assert sum(open_one["shares"]) == pytest.approx(1.0, abs=1e-3)
    np.testing.assert_allclose(shown["interest"]["z"], latest["interest"]["z"], atol=1e-6)
    np.testing.assert_allclose(shown["interest"]["z_at_last_snapshot"], latest["interest"]["z"], atol=1e-6)
    assert datetime.fromisoformat(shown["interest"]["newest"][0]["occurred_at"]) == datetime.fromisoformat(
        latest["as_of"]
    )
    newest = np.array([item["vector"] for item in shown["interest"]["newest"]])
    np.testing.assert_allclose(newest, state.interest.codes * state.interest.scales[:, None], atol=1e-6)
    assert len(newest) + shown["interest"]["older"]["behaviors"] == 24
    regime = shown["regime"]
    assert sum(item["share"] for item in regime["topics"]) == pytest.approx(1.0, abs=1e-4)
    leading = latest["topics"][0]
    shares = {item["topic"]: (item["label"], item["share"]) for item in regime["topics"]}
    assert shares[leading["topic"]] == (leading["label"], pytest.approx(leading["share"], abs=1e-5))
    for item in regime["newest"]:
        assert sum(item["shares"]) == pytest.approx(1.0, abs=1e-3)
    assert [event for event, _ in row["recent_events"]] == [f"e{n}" for n in range(24)]


def test_of_nobody_there_is_nothing_to_export(api: httpx.Client, user: str) -> None:
    response = api.get(f"/users/{user}/export")
    assert response.status_code == 404
    assert response.json()["type"] == "/problems/unknown-user"
    api.post("/detect", json=body(TEXTS[:1], user))
    assert api.get(f"/users/{user}/export", params={"domain": "elsewhere"}).status_code == 404


def test_of_an_erased_user_the_tombstone_is_exported(api: httpx.Client, user: str) -> None:
    api.post("/detect", json=body(TEXTS[:1], user))
    before = datetime.now(UTC)
    api.delete(f"/users/{user}")
    document = export(api, user)
    assert document["user_id"] == user
    (tombstone,) = document["tables"]["tombstones"]
    assert before <= datetime.fromisoformat(tombstone["deleted_at"]) <= datetime.now(UTC)


def test_an_export_is_of_one_moment(server: Server, user: str) -> None:
    """However many requests of the user are stored meanwhile: state, snapshots and events belong together."""
    api = server.client
    api.post("/detect", json=body(TEXTS[:1], user))
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(
            lambda: [
                httpx.post(f"{server.url}/detect", json=body(TEXTS[n % 12 : n % 12 + 1], user, first=n)).status_code
                for n in range(1, 60)
            ]
        )
        exports = [export(api, user)]
        while not writing.done():
            exports.append(export(api, user))
    assert set(writing.result()) == {200}
    counts = set()
    for document in exports:
        (state,) = document["tables"]["user_states"]
        snapshots, events = document["tables"]["snapshots"], document["tables"]["seen_events"]
        assert state["sequence"] == len(snapshots) == snapshots[-1]["sequence"]
        assert (
            state["state"]["behaviors"] + len(state["pending"]["behaviors"])
            == len(events)
            == snapshots[-1]["behaviors"]
        )
        counts.add(len(events))
    assert len(counts) > 1, "some were made in the midst of it"


def peak(process: int) -> int:
    """The most memory that the process has had since `forget_peak`, in bytes."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no peak told")


def forget_peak(process: int) -> None:
    Path(f"/proc/{process}/clear_refs").write_text("5")


def test_an_export_of_ten_thousand_snapshots_takes_little_memory(server: Server, user: str) -> None:
    api, process = server.client, server.process.pid
    for n in range(2):  # the second snapshot has a z_previous, too
        api.post("/detect", json=body(TEXTS[n : n + 1], user, first=n))
    key = user_key(secret(server), "default", user)
    copied = [
        column.name
        for column in Base.metadata.tables["snapshots"].columns
        if column.name not in {"sequence", "snapshot_id"}
    ]
    names = ", ".join(f'"{name}"' for name in copied)
    rows(
        server.data_dir,
        f"INSERT INTO snapshots (sequence, snapshot_id, {names}) SELECT n, gen_random_uuid(), {names} "  # noqa: S608
        "FROM snapshots, generate_series(3, $2::int) n WHERE user_key = $1 AND sequence = 2",
        key,
        MANY,
    )
    forget_peak(process)
    before = psutil.Process(process).memory_info().rss
    with api.stream("GET", f"/users/{user}/export") as response:
        size = sum(len(chunk) for chunk in response.iter_bytes())
    assert size > 50 * MEGABYTE
    assert peak(process) - before < 60 * MEGABYTE
    api.delete(f"/users/{user}")


def test_the_page_on_privacy_names_every_table_and_column_of_a_user() -> None:
    page = (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")
    for table in TABLES_OF_USERS:
        for name in (table.name, *(column.name for column in table.columns)):
            assert f"`{name}`" in page, f"{table.name}.{name}"
