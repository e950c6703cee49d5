"""Webhooks and the stream of real services: two replicas on one database, killed and stopped."""

import json
import re
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.conftest import Server, data_folder, serving
from tests.webhooks.conftest import turn
from tests.webhooks.receiver import Receiver, hang, receiving

QUICK = {
    "webhooks_allow_private": "true",
    "webhooks_allow_http": "true",
    "mutations_poll_seconds": "0.05",
    "max_streams": "3",
    "max_requests": "2",
}
WAIT_S = 30.0


@pytest.fixture(scope="module")
def replicas(model_dir: Any) -> Iterator[list[Server]]:
    with data_folder() as folder, serving(folder, model_dir) as start:
        yield [start(**QUICK), start(**QUICK)]


@pytest.fixture
def domain() -> str:
    return f"d-{uuid4().hex[:8]}"


def change(server: Server, user: str, domain: str) -> None:
    answer = server.client.post("/detect", json=turn(user, domain))
    assert answer.json()["mutated"], answer.text


def make_webhook(server: Server, receiver: Receiver, domain: str) -> dict[str, Any]:
    made: dict[str, Any] = server.client.post("/webhooks", json={"url": receiver.url, "domain": domain}).json()
    return made


def metric(server: Server, name: str) -> float:
    told = re.search(rf"^{name} (\S+)$", server.client.get("/metrics").text, re.MULTILINE)
    assert told, f"no series {name}"
    return float(told[1])


class Stream:
    """A listener: the parts of each event as they come."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.iter_lines()
        self.begin = self.next()

    def next(self) -> dict[str, str]:
        """The next event or comment, by field; a comment is under the empty name."""
        event: dict[str, str] = {}
        for line in self._lines:
            if not line and event:
                return event
            name, _, value = line.partition(":")
            event[name] = value.removeprefix(" ")
        raise EOFError

    def told(self) -> tuple[str, str]:
        """Id and user of the next event."""
        while True:
            event = self.next()
            if "event" in event:
                assert event["event"] == "interest.mutation.detected"
                return event["id"], json.loads(event["data"])["data"]["user_id"]


@contextmanager
def listening(server: Server, domain: str | None = None, last: str | None = None) -> Iterator[Stream]:
    params = {} if domain is None else {"domain": domain}
    headers = {} if last is None else {"Last-Event-ID": last}
    timeout = httpx.Timeout(WAIT_S)
    with (
        httpx.Client(base_url=server.url, timeout=timeout) as client,
        client.stream("GET", "/mutations/stream", params=params, headers=headers) as response,
    ):
        assert response.status_code == 200, response.read()
        assert response.headers["Content-Type"].startswith("text/event-stream")
        assert response.headers["Cache-Control"] == "no-store"
        yield Stream(response)


def test_each_replica_tells_what_any_of_them_stored(replicas: list[Server], domain: str) -> None:
    first, second = replicas
    with listening(first, domain) as here, listening(second, domain) as there, listening(second) as everywhere:
        change(first, "a", "elsewhere")
        for number, server in enumerate([first, second, first]):
            change(server, f"u{number}", domain)
        for stream in (here, there):
            assert [stream.told()[1] for _ in range(3)] == ["u0", "u1", "u2"]
        assert {everywhere.told()[1] for _ in range(4)} == {"a", "u0", "u1", "u2"}


def test_who_was_away_gets_what_was_missed_from_any_replica(replicas: list[Server], domain: str) -> None:
    first, second = replicas
    with listening(first, domain) as stream:
        before = stream.begin["id"]
        change(first, "u0", domain)
        last, user = stream.told()
        assert user == "u0"
    for number in (1, 2):
        change(second, f"u{number}", domain)
    with listening(second, domain, last) as stream:
        change(first, "u3", domain)
        assert [stream.told()[1] for _ in range(3)] == ["u1", "u2", "u3"]
    with listening(first, domain, before) as stream:  # an id from before any event is as good
        assert [stream.told()[1] for _ in range(4)] == ["u0", "u1", "u2", "u3"]
    refused = first.client.get("/mutations/stream", headers={"Last-Event-ID": "7"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "Last-Event-ID")
    typo = first.client.get("/mutations/stream", params={"domian": "d"})
    assert typo.status_code == 422


def test_listeners_are_bounded_and_take_no_place_of_requests(replicas: list[Server]) -> None:
    server = replicas[0]
    with listening(server) as one, listening(server) as two, listening(server) as three:
        assert len({id(stream) for stream in (one, two, three)}) > int(QUICK["max_requests"])
        assert server.client.get("/webhooks").status_code == 200
        refused = server.client.get("/mutations/stream")
        assert (refused.status_code, refused.json()["type"]) == (503, "/problems/saturated")
        assert refused.headers["Retry-After"]
        assert metric(server, "swerve_stream_listeners") == 3
        # Deliveries and the reading of what is new take a connection for a moment; a listener would keep its own.
        assert any(metric(server, "swerve_database_connections_in_use") == 0 for _ in range(500))


def test_two_replicas_deliver_each_change_once(replicas: list[Server], domain: str) -> None:
    with receiving() as receiver:
        webhook = make_webhook(replicas[0], receiver, domain)
        for number in range(20):
            change(replicas[number % 2], f"u{number}", domain)
        receiver.await_requests(20)
        users = Counter(got.verified(webhook["secret"])["data"]["user_id"] for got in receiver.got)
        assert users == Counter({f"u{number}": 1 for number in range(20)})
        assert replicas[0].client.delete(f"/webhooks/{webhook['webhook_id']}").status_code == 204


def test_a_service_that_is_killed_loses_nothing_and_one_that_is_stopped_ends_its_streams(model_dir: Any) -> None:
    with data_folder() as folder, serving(folder, model_dir) as start, receiving() as receiver:
        killed = start(**QUICK | {"webhooks_workers": "0"})  # stores, and dies before anything is sent
        webhook = make_webhook(killed, receiver, "default")
        change(killed, "u", "default")
        killed.stop(signal.SIGKILL)
        assert receiver.got == []

        server = start(**QUICK)
        (got,) = receiver.await_requests(1)
        assert got.verified(webhook["secret"])["data"]["user_id"] == "u"
        with listening(server) as stream:
            receiver.then(hang)
            change(server, "v", "default")
            stream.told()
            receiver.await_requests(2)
            ended: list[str] = []

            def listen() -> None:
                with suppress(EOFError):
                    while True:
                        stream.next()
                ended.append("whole")

            thread = threading.Thread(target=listen)
            thread.start()
            server.process.send_signal(signal.SIGTERM)
            thread.join(WAIT_S)
            assert ended == ["whole"]  # by a last chunk, not by a connection that breaks off
        receiver.stopping.set()  # the attempt under way is waited for, and what came of it is stored
        assert server.stop() == 0
