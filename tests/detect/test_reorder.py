"""Behaviours that come late, through real HTTP: put in order within the window, as of the newest beyond it."""

import signal
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import polars as pl
import pytest

from service.identity import SECRET_FILE, user_key
from service.profiles import profile_for
from service.profiles.store import identify, save_profile
from tests.conftest import Serve, Server
from tests.detect.conftest import START, Body, body
from tests.users.database import rows

Themes = dict[str, list[str]]


def detect(api: httpx.Client, request: Body) -> Body:
    response = api.post("/detect", json=request)
    assert response.status_code == 200, response.text
    answer: Body = response.json()
    return answer


def seconds_apart(texts: list[str], user: str, *, first: int = 0, gap: float = 1.0, **options: Any) -> Body:
    """A request of behaviours that many seconds apart."""
    request = body(texts, user, first=first, **options)
    for n, behavior in enumerate(request["behaviors"], first):
        behavior["occurred_at"] = (START + timedelta(seconds=gap * n)).isoformat()
    return request


def one_by_one(request: Body, order: list[int]) -> list[Body]:
    return [request | {"behaviors": [request["behaviors"][n]]} for n in order]


def shuffled(n: int, seed: int) -> list[int]:
    order: list[int] = np.random.default_rng(seed).permutation(n).tolist()
    return order


def figures(answer: Body) -> Body:
    """What is known of a user after everything, whatever the requests were."""
    names = ("status", "scores", "late", "model", "profile")
    odds = {name: answer["change"][name] for name in ("log_odds", "probability", "threshold")}
    return {name: answer[name] for name in names} | {"odds": odds, "z": answer["interest"]["z"]}


@pytest.fixture(scope="module")
def change(themes: Themes) -> list[str]:
    """A history with one change in it, some behaviours after the change included."""
    return themes["cooking"] + themes["programming"][:14]


def test_shuffled_within_the_window_is_as_in_order(api: httpx.Client, change: list[str]) -> None:
    straight, mixed = f"{uuid4()}", f"{uuid4()}"
    order, mixed_order = list(range(len(change))), shuffled(len(change), 4)
    in_order = [detect(api, request) for request in one_by_one(seconds_apart(change, straight), order)]
    out_of_order = [detect(api, request) for request in one_by_one(seconds_apart(change, mixed), mixed_order)]
    last = detect(api, seconds_apart(["one more thing"], mixed, first=len(change)))
    assert figures(last) == figures(detect(api, seconds_apart(["one more thing"], straight, first=len(change))))
    assert [answer["late"] for answer in out_of_order] == [[]] * len(change)
    # z is that of the new interest alone, in both: the same change was found, whatever was known on the way.
    declared = [change for answer in in_order for change in answer["changes"]]
    assert len(declared) == 1
    assert sum(len(answer["changes"]) for answer in out_of_order) >= 1


def test_what_comes_between_moves_no_change_that_was_declared(api: httpx.Client, change: list[str], user: str) -> None:
    request = seconds_apart(change, user)
    held_back = 27  # of the new interest, before the alarm
    early = detect(api, request | {"behaviors": [b for n, b in enumerate(request["behaviors"]) if n != held_back]})
    assert len(early["changes"]) == 1
    history = api.get(f"/users/{user}/history").json()["items"]
    late = detect(api, request | {"behaviors": [request["behaviors"][held_back]]})
    assert (late["mutated"], late["changes"], late["late"]) == (False, [], [])
    after = api.get(f"/users/{user}/history").json()["items"]
    assert after[1:] == history
    assert after[0]["behaviors"] == len(change)
    assert after[0]["as_of"] == history[0]["as_of"]  # the newest behaviour is the same


def test_a_change_that_shows_only_in_order_is_declared_then(api: httpx.Client, change: list[str], user: str) -> None:
    request = seconds_apart(change, user)
    after = range(24, 38)
    detect(api, request | {"behaviors": request["behaviors"][:24]})
    declared = [detect(api, one) for one in one_by_one(request, list(reversed(after)))]
    assert sum(len(answer["changes"]) for answer in declared) == 1
    change_told = next(answer["change"] for answer in declared if answer["mutated"])
    assert int(change_told["first_event_id"].removeprefix("e")) in range(21, 38)


def test_later_than_the_window_is_told_and_counts_as_of_the_newest(
    api: httpx.Client, themes: Themes, user: str
) -> None:
    request = seconds_apart(themes["cooking"], user, gap=30.0)
    behaviors = request["behaviors"]
    first = detect(api, request | {"behaviors": behaviors[:20]})
    assert first["late"] == []  # however long ago: nothing newer was there before
    answer = detect(api, request | {"behaviors": [behaviors[22], *behaviors[20:22], behaviors[23]]})
    assert answer["late"] == []
    old = dict(behaviors[0], event_id="old", text="a very late one")
    just = dict(behaviors[0], event_id="just", occurred_at=behaviors[21]["occurred_at"])
    answer = detect(api, request | {"behaviors": [old, just]})
    assert (answer["accepted"], answer["late"]) == (2, ["old"])
    snapshot = api.get(f"/users/{user}/interest").json()
    assert datetime.fromisoformat(snapshot["as_of"]) == datetime.fromisoformat(behaviors[23]["occurred_at"])
    assert snapshot["behaviors"] == 26
    tried = detect(api, request | {"behaviors": [dict(old, event_id="older")], "options": {"persist": False}})
    assert tried["late"] == ["older"]
    assert api.get(f"/users/{user}/interest").json() == snapshot


def test_without_a_window_everything_older_counts_as_of_the_newest(serve: Serve, themes: Themes, user: str) -> None:
    api = serve(reorder_window_seconds="0").client
    request = seconds_apart(themes["cooking"], user)
    detect(api, request | {"behaviors": request["behaviors"][1:]})
    assert detect(api, request | {"behaviors": request["behaviors"][:1]})["late"] == ["e0"]


def test_open_behaviours_survive_a_kill_and_another_profile(
    serve: Serve, change: list[str], user: str, other_model: str, tmp_path: Path
) -> None:
    request = seconds_apart(change, user)
    order = shuffled(len(change), 7)
    first = serve()
    for one in one_by_one(request, order[:-1]):
        detect(first.client, one)
    first.stop(signal.SIGKILL)
    second = serve()
    answer = detect(second.client, one_by_one(request, order[-1:])[0])
    unbroken = detect(second.client, seconds_apart(change, f"{uuid4()}") | {"options": {}})
    assert answer["interest"]["z"] == unbroken["interest"]["z"]
    space = second.client.get("/model").json()["space"]
    second.stop()

    # Another profile: z is what it was, the regime starts anew, the order of what came before is closed.
    shipped = profile_for(space, None)
    assert shipped is not None
    path = tmp_path / "other.safetensors"
    save_profile(identify(replace(shipped, threshold=shipped.threshold + 1)), path)
    third = serve(profile=str(path))
    tried = detect(third.client, seconds_apart(["more python code"], user, first=len(change), persist=False))
    np.testing.assert_allclose(tried["interest"]["z_previous"], answer["interest"]["z"], atol=1e-6)
    assert tried["status"] == "ok"
    behind = detect(third.client, dict(seconds_apart(["in between"], user, first=90), options={"persist": False}))
    assert behind["late"] == []
    between = seconds_apart(["in between"], user, first=len(change) - 2)
    between["behaviors"][0]["event_id"] = "between"
    assert detect(third.client, between)["late"] == ["between"]
    third.stop()

    # Another space: the user starts anew.
    anew = detect(serve(model_dir=other_model).client, seconds_apart(["more python code"], user, first=40))
    assert anew["interest"]["z_previous"] is None


@pytest.mark.parametrize("ids", [True, False])
def test_replay_of_a_log_with_ties_decides_as_the_service_does(
    ids: bool, api: httpx.Client, change: list[str], model_dir: Path, tmp_path: Path
) -> None:
    request = body(change, f"{uuid4()}")
    generator = np.random.default_rng(2)
    for n, behavior in enumerate(request["behaviors"]):
        behavior["event_id"] = f"{generator.integers(10**9):09}" if ids else None
        behavior |= {"type": "view", "occurred_at": (START + timedelta(hours=n // 4)).isoformat()}
    log, out = tmp_path / "log.csv", tmp_path / "decisions.csv"
    pl.DataFrame([behavior | {"user_id": "u"} for behavior in request["behaviors"]]).write_csv(log)
    command = [sys.executable, "-m", "service", "replay", str(log), "--out", str(out), "--model", str(model_dir)]
    subprocess.run(command, check=True, capture_output=True)
    replayed = pl.read_csv(out, schema_overrides={"event_id": pl.String})
    answer = detect(api, request)
    declared = replayed.filter("mutated")
    assert declared.height == len(answer["changes"]) == 1
    assert declared["log_odds"][0] == pytest.approx(answer["change"]["log_odds"], abs=1e-3)
    assert declared["position"][0] + 1 - declared["changed_position"][0] == answer["change"]["behaviors_since"]
    began = replayed.filter(position=declared["changed_position"][0])
    assert sorted(replayed["position"]) == list(range(len(change)))
    assert replayed["position"].to_list() != list(range(len(change)))
    if ids:
        assert began["event_id"][0] == answer["change"]["first_event_id"]


def test_an_open_behaviour_whose_id_was_forgotten_is_a_duplicate_all_the_same(
    server: Server, change: list[str], user: str
) -> None:
    """Retention may remove the ids of behaviours that are still open, where no newer one has come for long."""
    api, request = server.client, seconds_apart(change[:8], user)
    before = detect(api, request)
    rows(server.data_dir, "DELETE FROM seen_events WHERE event_id LIKE 'e%' AND user_key = $1", key_of(server, user))
    again = detect(api, request)
    assert (again["accepted"], again["duplicates"]) == (0, 8)
    after = detect(api, seconds_apart(change[8:9], user, first=8))
    assert after["sequence"] == before["sequence"] + 1
    assert api.get(f"/users/{user}/interest").json()["behaviors"] == 9


def key_of(server: Server, user: str) -> bytes:
    return user_key(bytes.fromhex((server.data_dir / SECRET_FILE).read_text()), "default", user)
