"""What is left of a user in the whole database, as a dump of it shows; and erasure amid requests."""

import base64
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest

from service.identity import SECRET_FILE, user_key
from tests.conftest import Serve, Server
from tests.detect.conftest import body
from tests.users.database import dump, rows

OTHERS = ("somebody-else", "another-one", "a-third")
USER, DOMAIN = "jane.doe@example.org", "shop"
TEXTS = ["zebra finch aviary", "budgerigar millet spray", "cuttlebone for parakeets"]
EVENTS = [f"order-{n}-of-jane" for n in range(3)]
ITEMS = [f"sku-of-jane-{n}" for n in range(3)]


def request(user: str, texts: list[str], events: list[str], items: list[str], domain: str) -> dict[str, Any]:
    made = body(texts, user) | {"domain": domain}
    for behavior, event, item in zip(made["behaviors"], events, items, strict=True):
        behavior |= {"event_id": event, "item_id": item, "category": f"category of {item}"}
    return made


@pytest.fixture(scope="module")
def filled(server: Server) -> Server:
    """The service with a user to be erased, in two domains, and others who stay."""
    for domain in (DOMAIN, "default"):
        sent = server.client.post("/detect", json=request(USER, TEXTS, EVENTS, ITEMS, domain))
        assert sent.json()["accepted"] == 3
    for user in OTHERS:
        sent = server.client.post("/detect", json=request(user, ["plain bread"], [f"of-{user}"], ["bread"], DOMAIN))
        assert sent.json()["accepted"] == 1
    return server


def forms(server: Server, domain: str) -> list[str]:
    """The user's key in the domain as it may be written: in hexadecimal, in base64 of both alphabets."""
    secret = bytes.fromhex((server.data_dir / SECRET_FILE).read_text())
    key = user_key(secret, domain, USER)
    return [key.hex(), base64.b64encode(key).decode().rstrip("="), base64.urlsafe_b64encode(key).decode().rstrip("=")]


def lines_with(text: str, *words: str) -> list[str]:
    return [line for line in text.splitlines() if any(word in line for word in words)]


def test_what_a_dump_tells_of_a_user_before_and_after_erasure(filled: Server) -> None:
    never = [USER, "jane.doe", *TEXTS]
    before = dump(filled.data_dir)
    assert not lines_with(before, *never), "neither ids of users nor texts are ever stored"
    for name in (*EVENTS, *ITEMS):
        assert lines_with(before, name)
    key, *others = forms(filled, DOMAIN)
    # State, snapshot, seen events, seen items and memory, and no other table.
    assert len(lines_with(before, key)) == 1 + 1 + 3 + 3 + 3
    assert not lines_with(before, *others)

    assert filled.client.delete(f"/users/{USER}", params={"domain": DOMAIN}).status_code == 204
    after = dump(filled.data_dir)
    assert not lines_with(after, *never, *others)
    (tombstone,) = lines_with(after, key)
    assert re.fullmatch(rf"{DOMAIN}\t\\\\x{key}\t[-0-9:. +]+\t[0-9a-f]{{16}}", tombstone), "key, time, which secret"
    assert len(lines_with(after, forms(filled, "default")[0])) == 11, "of the other domain, everything is still there"

    assert filled.client.delete(f"/users/{USER}").status_code == 204
    assert not lines_with(dump(filled.data_dir), *EVENTS, *ITEMS, *never, *others)
    for user in OTHERS:
        assert filled.client.get(f"/users/{user}/interest", params={"domain": DOMAIN}).status_code == 200


@pytest.fixture
def pair(serve: Serve) -> list[httpx.Client]:
    """Two services on one database."""
    return [serve().client, serve().client]


def test_nothing_comes_back_however_requests_and_erasure_meet(pair: list[httpx.Client]) -> None:
    """Requests of the same behaviours on two servers, erasures in their midst: after the last, nothing is there."""
    users = [f"user-{uuid4()}" for _ in range(4)]
    for user in users:
        assert pair[0].post("/detect", json=body(["plain bread"], user)).status_code == 200

    def post(n: int) -> int:
        user = users[n % len(users)]
        sent = body([f"bread number {n}", f"soup number {n}"], user, first=2 * n)
        return pair[n % 2].post("/detect", json=sent).status_code

    def erase(user: str) -> int:
        return pair[1].delete(f"/users/{user}").status_code

    with ThreadPoolExecutor(8) as pool:
        early = [pool.submit(post, n) for n in range(1, 40)]
        erased = [pool.submit(erase, user) for user in users]
        late = [pool.submit(post, n) for n in range(40, 120)]
        assert {done.result() for done in [*early, *late]} == {200}
        assert {done.result() for done in erased} == {204}
    for n, user in enumerate(users):
        again = pair[n % 2].post("/detect", json=body(["plain bread"], user)).json()
        assert (again["accepted"], len(again["rejected"]), again["snapshot_id"]) == (0, 1, None)
        tables = pair[0].get(f"/users/{user}/export").json()["tables"]
        assert {name: len(held) for name, held in tables.items() if held} == {"tombstones": 1}


def test_an_erasure_leaves_the_data_of_all_others_as_they_are(filled: Server) -> None:
    key = user_key(bytes.fromhex((filled.data_dir / SECRET_FILE).read_text()), DOMAIN, OTHERS[0])
    query = "SELECT * FROM user_states WHERE domain = $1 AND user_key <> $2 ORDER BY user_key"
    before = rows(filled.data_dir, query, DOMAIN, key)
    assert filled.client.delete(f"/users/{OTHERS[0]}", params={"domain": DOMAIN}).status_code == 204
    assert rows(filled.data_dir, query, DOMAIN, key) == before
    assert len(before) >= 2
