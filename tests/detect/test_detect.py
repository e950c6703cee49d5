"""`POST /detect` through real HTTP, with the real model and a real Postgres."""

import base64
import math
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import pytest

from tests.conftest import Serve
from tests.detect.conftest import START, behaviors, body

Themes = dict[str, list[str]]


def detect(api: httpx.Client, request: dict[str, Any]) -> dict[str, Any]:
    response = api.post("/detect", json=request)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def planted(themes: Themes, before: str, after: str, n: int = 20) -> list[str]:
    return themes[before] + themes[after][:n]


@pytest.mark.parametrize(
    ("before", "after"),
    [("cooking", "astronomy"), ("astronomy", "programming"), ("programming", "guitar"), ("guitar", "cooking")],
)
def test_a_planted_change_is_found_with_its_beginning(
    before: str, after: str, api: httpx.Client, themes: Themes, user: str
) -> None:
    answer = detect(api, body(planted(themes, before, after), user))
    truth = len(themes[before])
    assert answer["status"] == "ok"
    assert answer["mutated"] is True
    assert len(answer["changes"]) == 1
    change = answer["change"]
    assert change == answer["changes"][0]
    began = int(change["first_event_id"].removeprefix("e"))
    assert abs(began - truth) <= 3
    assert began + change["behaviors_since"] <= truth + 20
    assert change["changed_at"] == (START + timedelta(hours=6 * began)).isoformat().replace("+00:00", "Z")
    assert change["log_odds"] > change["threshold"]
    assert change["probability"] == pytest.approx(1 / (1 + math.exp(-change["log_odds"])), abs=1e-5)
    assert change["behaviors_per_false_alarm"] > 100
    assert change["kind"] == "novel"


def test_the_explanation_names_topics_and_behaviours(api: httpx.Client, themes: Themes, user: str) -> None:
    answer = detect(api, body(planted(themes, "programming", "guitar"), user))
    gained, lost = answer["topics"]["gained"], answer["topics"]["lost"]
    assert any("guitar" in topic["label"] for topic in gained)
    assert all(topic["after"] > topic["before"] for topic in gained)
    assert all(topic["after"] < topic["before"] for topic in lost)
    parts = answer["contributions"]
    assert sum(part["log_odds"] for part in parts) == pytest.approx(answer["change"]["log_odds"], abs=1e-4)
    assert parts[0]["event_id"] is None
    assert parts[1]["event_id"] == answer["change"]["first_event_id"]
    assert len(parts) == 1 + answer["change"]["behaviors_since"]


def test_a_stationary_history_is_left_in_peace(api: httpx.Client, themes: Themes, user: str) -> None:
    mixed = [text for pair in zip(themes["cooking"], themes["guitar"], strict=True) for text in pair]
    answer = detect(api, body([*mixed, *(f"{text} again" for text in mixed)], user))
    assert answer["status"] == "ok"
    assert answer["mutated"] is False
    assert answer["changes"] == []
    assert answer["topics"] == {"gained": [], "lost": []}
    assert answer["contributions"] == []
    assert answer["change"]["changed_at"] is None
    assert answer["change"]["log_odds"] < answer["change"]["threshold"]


def test_one_by_one_is_the_same_as_all_at_once(api: httpx.Client, themes: Themes) -> None:
    texts = planted(themes, "cooking", "programming", 12)
    at_once = detect(api, body(texts, f"{uuid4()}"))
    user, declared, answer = f"{uuid4()}", [], {}
    for n, text in enumerate(texts):
        answer = detect(api, body([text], user, first=n))
        declared += answer["changes"]
    assert len(declared) == len(at_once["changes"]) == 1
    for name, value in at_once["changes"][0].items():
        expected = pytest.approx(value, abs=1e-3) if isinstance(value, float) else value
        assert declared[0][name] == expected, name
    assert answer["change"]["log_odds"] == pytest.approx(_final_log_odds(api, at_once, texts), abs=1e-3)
    np.testing.assert_allclose(answer["interest"]["z"], at_once["interest"]["z"], atol=1e-4)


def _final_log_odds(api: httpx.Client, at_once: dict[str, Any], texts: list[str]) -> float:
    """The log-odds after the last behaviour: of a last request that declares nothing."""
    other = f"{uuid4()}"
    detect(api, body(texts[:-1], other))
    final: float = detect(api, body(texts[-1:], other, first=len(texts) - 1))["change"]["log_odds"]
    assert at_once["accepted"] == len(texts)
    return final


def test_a_behaviour_already_seen_is_without_effect(api: httpx.Client, themes: Themes, user: str) -> None:
    request = body(themes["cooking"], user)
    first, second = detect(api, request), detect(api, request)
    assert (first["accepted"], first["duplicates"]) == (24, 0)
    assert (second["accepted"], second["duplicates"]) == (0, 24)
    assert second["snapshot_id"] == first["snapshot_id"]
    assert second["sequence"] == first["sequence"]
    assert second["interest"] == first["interest"]
    third = detect(api, body(["sourdough discard crackers"], user, first=24))
    assert third["sequence"] == first["sequence"] + 1


def test_the_same_event_twice_in_one_request_counts_once(api: httpx.Client, user: str) -> None:
    request = body(["fresh pasta dough"], user)
    request["behaviors"] *= 3
    answer = detect(api, request)
    assert (answer["accepted"], answer["duplicates"]) == (1, 2)


def test_without_an_event_id_one_is_derived_from_the_content(api: httpx.Client, user: str) -> None:
    request = body(["fresh pasta dough", "fresh pasta dough"], user)
    for behavior in request["behaviors"]:
        del behavior["event_id"]
    assert detect(api, request)["accepted"] == 2
    assert detect(api, request)["duplicates"] == 2


def test_order_within_a_request_does_not_matter(api: httpx.Client, themes: Themes) -> None:
    straight, shuffled = body(planted(themes, "cooking", "guitar"), f"{uuid4()}"), f"{uuid4()}"
    order = np.random.default_rng(0).permutation(len(straight["behaviors"]))
    mixed = straight | {"user_id": shuffled, "behaviors": [straight["behaviors"][n] for n in order]}
    a, b = detect(api, straight), detect(api, mixed)
    assert a["change"]["first_event_id"] == b["change"]["first_event_id"]
    np.testing.assert_allclose(a["interest"]["z"], b["interest"]["z"], atol=1e-4)


def test_without_persist_nothing_is_written(api: httpx.Client, themes: Themes, user: str) -> None:
    detect(api, body(themes["cooking"], user))
    before = api.get(f"/users/{user}/history").json()
    tried = detect(api, body(themes["astronomy"][:15], user, first=24, persist=False))
    assert tried["mutated"] is True
    assert tried["snapshot_id"] is None
    assert api.get(f"/users/{user}/history").json() == before
    assert detect(api, body(themes["astronomy"][:15], user, first=24))["accepted"] == 15


def test_without_persist_an_unknown_user_stays_unknown(api: httpx.Client, themes: Themes, user: str) -> None:
    assert detect(api, body(themes["cooking"], user, persist=False))["status"] == "ok"
    assert api.get(f"/users/{user}/interest").status_code == 404


def test_the_vectors_hang_together(api: httpx.Client, themes: Themes, user: str) -> None:
    first = detect(api, body(themes["cooking"][:12], user))["interest"]
    answer = detect(api, body(themes["cooking"][12:], user, first=12))
    told = {name: np.array(answer["interest"][name]) for name in ("z", "z_previous", "delta_z", "direction")}
    assert all(vector.shape == (answer["interest"]["dim"],) for vector in told.values())
    np.testing.assert_allclose(told["z_previous"], first["z"], atol=1e-6)
    np.testing.assert_allclose(told["delta_z"], told["z"] - told["z_previous"], atol=1e-6)
    magnitude = float(np.linalg.norm(told["delta_z"]))
    assert answer["scores"]["magnitude"] == pytest.approx(magnitude, abs=1e-5)
    np.testing.assert_allclose(told["direction"], told["delta_z"] / magnitude, atol=1e-5)
    days = 12 * 6 / 24
    assert answer["scores"]["rate_per_day"] == pytest.approx(magnitude / days, abs=1e-5)
    cosine = told["z"] @ told["z_previous"] / np.linalg.norm(told["z"]) / np.linalg.norm(told["z_previous"])
    assert answer["scores"]["cosine_distance"] == pytest.approx(1 - cosine, abs=1e-5)


def test_base64_carries_the_same_vector(api: httpx.Client, themes: Themes, user: str) -> None:
    request = body(themes["cooking"], user, persist=False)
    plain = detect(api, request)["interest"]["z"]
    packed = detect(api, request | {"options": {"persist": False, "encoding_format": "base64"}})["interest"]["z"]
    np.testing.assert_allclose(np.frombuffer(base64.b64decode(packed), "<f4"), plain, atol=1e-6)


@pytest.mark.parametrize("part", ["vectors", "topics", "contributions"])
def test_what_is_not_asked_for_is_left_out(part: str, api: httpx.Client, themes: Themes, user: str) -> None:
    name = {"vectors": "interest"}.get(part, part)
    parts = {"interest", "topics", "contributions"}
    answer = detect(api, body(themes["cooking"], user, include=[part]))
    assert {key for key in parts if answer[key] is not None} == {name}


def test_an_embedding_is_used_as_it_is(api: httpx.Client, themes: Themes) -> None:
    texts = planted(themes, "cooking", "astronomy")
    vectors = api.post("/encode", json={"texts": texts, "encoding_format": "base64"}).json()["vectors"]
    request = body(texts, f"{uuid4()}")
    for behavior, vector in zip(request["behaviors"], vectors, strict=True):
        del behavior["text"]
        behavior["embedding"] = vector
    by_text, by_vector = detect(api, body(texts, f"{uuid4()}")), detect(api, request)
    assert by_vector["change"]["first_event_id"] == by_text["change"]["first_event_id"]
    np.testing.assert_allclose(by_vector["interest"]["z"], by_text["interest"]["z"], atol=1e-4)


@pytest.mark.parametrize("name", ["distance", "rate", "window"])
def test_the_named_rule_decides(name: str, api: httpx.Client, themes: Themes, user: str) -> None:
    texts = planted(themes, "cooking", "astronomy")
    quiet = detect(api, body(texts, user, persist=False, detector=name, threshold=1000.0))
    assert quiet["mutated"] is False
    eager = detect(api, body(texts, user, persist=False, detector=name, threshold=0.3))
    assert eager["mutated"] is True
    assert eager["change"]["detector"] == name
    assert eager["change"]["threshold"] == 0.3
    assert eager["change"]["behaviors_per_false_alarm"] is None
    assert eager["contributions"] == []


def test_another_threshold_for_bayes(api: httpx.Client, themes: Themes, user: str) -> None:
    texts = planted(themes, "cooking", "astronomy")
    assert detect(api, body(texts, user, persist=False, threshold=50.0))["mutated"] is False
    sooner = detect(api, body(texts, user, persist=False, threshold=0.0))
    usual = detect(api, body(texts, user, persist=False))
    assert sooner["change"]["behaviors_since"] <= usual["change"]["behaviors_since"]
    assert sooner["change"]["behaviors_per_false_alarm"] is None


def test_too_little_history_is_said(api: httpx.Client, themes: Themes, user: str) -> None:
    assert detect(api, body(themes["cooking"][:9], user))["status"] == "warming_up"
    assert detect(api, body(themes["cooking"][9:10], user, first=9))["status"] == "ok"


def test_a_dislike_is_no_evidence_of_interest(api: httpx.Client, themes: Themes, user: str) -> None:
    detect(api, body(themes["cooking"], user))
    request = body(themes["astronomy"], user, first=24)
    for behavior in request["behaviors"]:
        behavior["type"] = "dislike"
    answer = detect(api, request)
    assert (answer["accepted"], answer["mutated"]) == (24, False)


def test_domains_know_nothing_of_each_other(api: httpx.Client, themes: Themes, user: str) -> None:
    detect(api, body(themes["cooking"], user) | {"domain": "shop"})
    answer = detect(api, body(themes["astronomy"], user) | {"domain": "news"})
    assert (answer["domain"], answer["sequence"], answer["mutated"]) == ("news", 1, False)
    assert api.get(f"/users/{user}/interest").status_code == 404
    assert api.get(f"/users/{user}/interest", params={"domain": "shop"}).status_code == 200


def test_a_text_beyond_the_token_limit_is_encoded_truncated_and_told(api: httpx.Client, user: str) -> None:
    answer = detect(api, body(["short one", "trail running shoes " * 300], user))
    assert answer["accepted"] == 2
    assert answer["truncated"] == ["e1"]


def test_several_changes_in_one_request_are_all_listed(api: httpx.Client, themes: Themes, user: str) -> None:
    texts = [*themes["cooking"], *themes["programming"], *themes["astronomy"]]
    answer = detect(api, body(texts, user))
    assert len(answer["changes"]) == 2
    assert answer["change"] == answer["changes"][-1]
    assert answer["sequence"] == 3
    page = api.get(f"/users/{user}/history").json()["items"]
    assert [item["taken_for"] for item in page] == ["request", "change", "change"]
    assert [item["sequence"] for item in page] == [3, 2, 1]
    assert [item["change"] for item in page[1:]] == answer["changes"][::-1]


def test_a_batch_answers_each_in_order(api: httpx.Client, themes: Themes, user: str) -> None:
    good, other = body(themes["cooking"], user), body(planted(themes, "cooking", "guitar"), f"{uuid4()}")
    nameless = {"behaviors": behaviors(["a text"])}
    naive = body(["a text"], f"{uuid4()}")
    naive["behaviors"][0]["occurred_at"] = "2026-01-05T10:00:00"
    again = body(["more pasta"], user, first=24)
    response = api.post("/detect/batch", json={"requests": [good, nameless, other, naive, "nonsense", again]})
    assert response.status_code == 200
    results = response.json()["results"]
    assert [item["result"] is not None for item in results] == [True, False, True, False, False, True]
    assert results[1]["problem"]["errors"][0]["field"] == "user_id"
    assert results[3]["problem"]["errors"][0]["field"] == "behaviors[0].occurred_at"
    assert results[2]["result"]["mutated"] is True
    assert results[5]["result"]["sequence"] == 2
    alone = detect(api, body(planted(themes, "cooking", "guitar"), f"{uuid4()}"))
    assert results[2]["result"]["change"]["first_event_id"] == alone["change"]["first_event_id"]


def test_without_a_fitting_profile_the_status_says_so(
    serve: Serve, themes: Themes, user: str, other_model: str
) -> None:
    api = serve(model_dir=other_model).client
    answer = detect(api, body(planted(themes, "cooking", "astronomy"), user))
    assert answer["status"] == "uncalibrated"
    assert (answer["mutated"], answer["change"]["log_odds"], answer["profile"]) == (False, None, None)
    by_window = detect(api, body(planted(themes, "cooking", "astronomy"), user, persist=False, detector="window"))
    assert by_window["scores"]["window"] > 0
