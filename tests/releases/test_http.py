"""Noise through real HTTP, a real model and a process of its own; and a service without it, byte for byte."""

import base64
import json
from typing import Any
from uuid import uuid4

import httpx
import numpy as np

from service.dp.accounting import epsilon_of
from tests.conftest import Server
from tests.detect.conftest import body

TEXTS = ["fresh pasta", "rye bread", "lentil soup", "goat cheese", "plum cake"]


def test_vectors_leave_with_noise_until_the_budget_is_spent(noisy: Server, api: httpx.Client) -> None:
    user = f"{uuid4()}"
    answers, plain = [], []
    for n, text in enumerate(TEXTS):
        request = body([text], user, first=n, encoding_format="base64")
        answers.append(noisy.client.post("/detect", json=request).json())
        plain.append(api.post("/detect", json=request).json())
    told = [answer["interest"] for answer in answers]
    assert [one is not None for one in told] == [True] * 4 + [False]
    assert answers[-1]["withheld"]["reason"] == "budget_spent"
    deviation = told[0]["noise"]
    assert epsilon_of([deviation] * 4, 1e-6) <= 8.0 + 1e-4
    noise = np.concatenate([vector(a) - vector(b) for a, b in zip(answers[:4], plain[:4], strict=True)])
    # Of 4 x 384 draws the deviation is known to 1.8 %; six of those, for this is drawn anew each time.
    assert noise.std() / deviation == np.clip(noise.std() / deviation, 1 - 6 * 0.018, 1 + 6 * 0.018)
    for a, b in zip(answers, plain, strict=True):
        assert (a["mutated"], a["change"], a["topics"]) == (b["mutated"], b["change"], b["topics"])
        assert a["scores"] is None
    spent = noisy.client.get(f"/users/{user}/interest", params={"include": "vectors"})
    assert spent.status_code == 429
    assert int(spent.headers["Retry-After"]) > 0


def vector(answer: dict[str, Any]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(answer["interest"]["z"]), "<f4").astype(np.float64)


def test_without_noise_answers_have_the_fields_that_they_always_had(api: httpx.Client) -> None:
    user = f"{uuid4()}"
    raw = api.post("/detect", json=body(TEXTS, user)).content
    answer = json.loads(raw)
    assert list(answer) == [
        "user_id", "domain", "snapshot_id", "sequence", "status", "mutated", "change", "changes", "scores", "interest",
        "topics", "population", "contributions", "policy", "accepted", "duplicates", "rejected", "late", "truncated",
        "model", "profile",
    ]  # fmt: skip
    assert list(answer["interest"]) == ["dim", "z", "z_previous", "delta_z", "direction"]
    assert list(answer["scores"]) == ["magnitude", "cosine_distance", "rate_per_day", "window"]
    snapshot = api.get(f"/users/{user}/interest?include=vectors").json()
    assert snapshot["interest"] == answer["interest"]
