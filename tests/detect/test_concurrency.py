"""Many requests for one user at once: the same as some order of them, on one server or on two."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from tests.conftest import Serve
from tests.detect.conftest import body

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


def test_two_servers_on_one_database_serve_one_user(serve: Serve, themes: Themes, user: str) -> None:
    servers = [serve(), serve()]  # the same data folder: one embedded Postgres, two services
    requests = [body([text], user, first=n, threshold=1e9) for n, text in enumerate(themes["cooking"])]
    answers = at_once([server.client for server in servers], requests)
    check_serial(servers[0].client, user, answers)
    assert servers[0].stop() == 0
    assert servers[1].client.get("/readyz").status_code == 200
    more = servers[1].client.post("/detect", json=body(["one more pasta"], user, first=24, threshold=1e9)).json()
    assert more["sequence"] == 25
