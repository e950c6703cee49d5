"""Many requests for one user at once: the same as some order of them, on one server or on two."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import pytest

from tests.conftest import Serve, Server
from tests.detect.conftest import START, body

Themes = dict[str, list[str]]


def at_once(clients: list[httpx.Client], requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Posts every request at the same time, turn by turn to each client; the answers."""

    def post(n: int) -> dict[str, Any]:
        response = clients[n % len(clients)].post("/detect", json=requests[n])
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(post, range(len(requests))))


def check_serial(api: httpx.Client, user: str, answers: list[dict[str, Any]]) -> None:
    """Every answer has a snapshot of its own, and the last one has all behaviours."""
    assert sorted(answer["sequence"] for answer in answers) == list(range(1, len(answers) + 1))
    page = api.get(f"/users/{user}/history", params={"limit": 200}).json()["items"]
    assert [item["behaviors"] for item in page] == list(range(len(answers), 0, -1))


def test_requests_of_one_user_are_serialised(api: httpx.Client, themes: Themes, user: str) -> None:
    requests = [body([text], user, first=n, threshold=1e9) for n, text in enumerate(themes["cooking"])]
    check_serial(api, user, at_once([api], requests))


def test_the_same_request_many_times_at_once_counts_once(api: httpx.Client, themes: Themes, user: str) -> None:
    answers = at_once([api], [body(themes["cooking"], user)] * 12)
    assert sorted(answer["accepted"] for answer in answers) == [0] * 11 + [24]
    assert {answer["sequence"] for answer in answers} == {1}


@pytest.mark.parametrize("gap", [0.0, 1.0])
def test_every_order_of_requests_to_two_servers_gives_the_state_of_the_stream_in_order(
    gap: float, replicas: list[Server], themes: Themes
) -> None:
    clients = [server.client for server in replicas]
    texts = themes["cooking"] + themes["programming"][:14]
    # Vectors made once: two servers may round the last digit of a text's differently.
    encode = {"texts": [*texts, "one more"], "encoding_format": "base64"}
    vectors = clients[0].post("/encode", json=encode).json()["vectors"]
    users = [f"{uuid4()}" for _ in range(3)]
    requests: list[list[dict[str, Any]]] = [[] for _ in users]
    for user, of_user in zip(users, requests, strict=True):
        for n, vector in enumerate(vectors):
            request = body(["-"], user, first=n)
            time = (START + timedelta(seconds=gap * n)).isoformat()
            request["behaviors"] = [{"event_id": f"e{n:02}", "embedding": vector, "occurred_at": time}]
            of_user.append(request)
    serial, *at_once_requests = requests
    for request in serial[:-1]:
        assert clients[0].post("/detect", json=request).status_code == 200
    expected = clients[0].post("/detect", json=serial[-1]).json()
    for some in at_once_requests:
        order = np.random.default_rng(len(some)).permutation(len(some) - 1)
        answers = at_once(clients, [some[n] for n in order])
        declared = sum(len(answer["changes"]) for answer in answers)
        assert declared >= 1
        last = clients[1].post("/detect", json=some[-1]).json()
        assert last["sequence"] == len(some) + declared + len(last["changes"])
        for name in ("status", "scores", "interest", "late"):
            assert last[name] == expected[name], name
        assert last["change"]["log_odds"] == expected["change"]["log_odds"]


def test_two_servers_on_one_database_serve_one_user(serve: Serve, themes: Themes, user: str) -> None:
    servers = [serve(), serve()]  # the same data folder: one embedded Postgres, two services
    requests = [body([text], user, first=n, threshold=1e9) for n, text in enumerate(themes["cooking"])]
    answers = at_once([server.client for server in servers], requests)
    check_serial(servers[0].client, user, answers)
    assert servers[0].stop() == 0
    assert servers[1].client.get("/readyz").status_code == 200
    more = servers[1].client.post("/detect", json=body(["one more pasta"], user, first=24, threshold=1e9)).json()
    assert more["sequence"] == 25
