"""What users took up soon after an item: as a plain recount has it, held up to date, and read for a few items."""

import asyncio
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

from service.encoder import FakeEncoder
from service.items import repository as items
from service.policy.succession import ASKED, LEAST_USERS, SMOOTHING, WITHIN, Successors, hash_of
from service.recommendations import candidates_repository, counts, held_repository, popularity, repository
from service.recommendations.repository import Catalogue
from service.recommendations.successors import KEPT, MOST, SUCCESSORS, count_if_due

from .conftest import START, Json, Open, Service, behavior, catalogue, until

pytestmark = pytest.mark.anyio

ANEW = timedelta(0)
LATER = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
Seen = tuple[str, str, str, datetime]
"""A domain, a user, an item, and when the user had to do with it first."""


@pytest.fixture(scope="module")
async def service(open_service: Open) -> Service:
    """The module's own, without a catalogue."""
    return await open_service()


@dataclass
class Row:
    """A row of `item_successors`, read by hand."""

    total: int = 0
    kept: int = 0
    edges: list[tuple[str, int, int]] = field(default_factory=list)


def lot(user: str, item: str) -> bytes:
    """By what items of one time are ordered."""
    return hashlib.sha256(f"{user}{item}".encode()).digest()


def orders(seen: Iterable[Seen], since: datetime) -> dict[tuple[str, str], list[str]]:
    """Each user's items, by domain and user, in the order in which they were met."""
    met = defaultdict[tuple[str, str], list[tuple[datetime, bytes, str]]](list)
    for domain, user, item, first in seen:
        if first > since:
            met[domain, user].append((first, lot(user, item), item))
    return {who: [item for _, _, item in sorted(order)] for who, order in met.items()}


def recount(seen: Iterable[Seen], since: datetime) -> dict[tuple[str, str], Row]:
    """What should be held, pair by pair."""
    pairs = Counter[tuple[str, str, str]]()
    for (domain, _), ids in orders(seen, since).items():
        pairs.update((domain, one, other) for n, one in enumerate(ids) for other in ids[n + 1 : n + 1 + WITHIN])
    arrivals, made = Counter[tuple[str, str]](), defaultdict[tuple[str, str], Row](Row)
    for (domain, _, other), users in pairs.items():
        arrivals[domain, other] += users
    for (domain, one, other), users in pairs.items():
        row = made[domain, one]
        row.total += users
        if users >= LEAST_USERS:
            row.edges.append((other, users, arrivals[domain, other]))
    for row in made.values():
        row.edges = sorted(row.edges, key=lambda edge: (-edge[1], edge[0].encode()))[:MOST]
        row.kept = sum(users for _, users, _ in row.edges)
    return dict(made)


def mass(seen: Iterable[Seen], domain: str, since: datetime) -> float:
    """Of a domain: how often each item comes soon after another, to the power."""
    arrived = Counter[str]()
    for (name, _), ids in orders(seen, since).items():
        if name == domain:
            arrived.update({item: min(place, WITHIN) for place, item in enumerate(ids)})
    return float(sum(times**SMOOTHING for times in arrived.values() if times))


async def held(service: Service, domains: Iterable[str]) -> dict[tuple[str, str], Row]:
    query = "SELECT * FROM item_successors WHERE domain = ANY(CAST(:domains AS text[]))"
    return {(row.domain, row.item_id): plain(row) for row in await service.fetch(query, domains=list(domains))}


def plain(row: Any) -> Row:
    codes = [row.codes[at : at + 16] for at in range(0, len(row.codes), 16)]
    for item_id, code in zip(row.successor_ids, codes, strict=True):
        assert code[:8] == hashlib.sha256(item_id.encode()).digest()[:8]
    numbers = [(int.from_bytes(code[8:12], "big"), int.from_bytes(code[12:], "big")) for code in codes]
    edges = [(item_id, *both) for item_id, both in zip(row.successor_ids, numbers, strict=True)]
    return Row(row.total, row.kept, edges)


_SEE = text(
    """
    INSERT INTO seen_items (domain, user_key, item_id, seen_at, first_seen_at)
    SELECT domain, convert_to(user_id, 'UTF8'), item_id, now(), CAST(first AS timestamptz)
    FROM unnest(:domains, :users, :items, :firsts) AS seen (domain, user_id, item_id, first)
    """
).bindparams(*(bindparam(name, type_=ARRAY(Text)) for name in ("domains", "users", "items", "firsts")))


async def see(service: Service, seen: Iterable[Seen]) -> None:
    domains, users, ids, firsts = (list(column) for column in zip(*seen, strict=True))
    values = {"domains": domains, "users": users, "items": ids, "firsts": [first.isoformat() for first in firsts]}
    async with service.resources.engine.begin() as connection:
        await connection.execute(_SEE, values)


def in_turn(domain: str, orders: Mapping[str, Iterable[str]]) -> list[Seen]:
    """Users who had to do with these items, one after the other."""
    return [(domain, user, item, START + n * MINUTE) for user, order in orders.items() for n, item in enumerate(order)]


def world(domain: str, rng: np.random.Generator, users: Iterable[int]) -> list[Seen]:
    """Users with some of a few items each, many at the same time, some long ago."""
    ids = ["Z", "a", "ä", "é", "中", "0", *(f"item-{n}" for n in range(24))]
    seen = []
    for user in users:
        for item in rng.choice(ids, rng.integers(1, 20), replace=False):
            days = int(rng.integers(0, 40)) if rng.random() < 0.9 else KEPT.days + 1
            seen.append((domain, f"u{user}", str(item), datetime.now(UTC) - timedelta(days=days)))
    return seen


async def test_pairs_are_counted_as_one_by_one(service: Service, domain: str) -> None:
    """Over users who come, go and are of several domains; what is held is brought up to date each time."""
    rng = np.random.default_rng(7)
    domains = [f"{domain}-{n}" for n in range(3)]
    seen: list[Seen] = []
    expected = dict[tuple[str, str], Row]()
    for turn in range(3):
        leaving = f"u{turn}"
        await service.fetch("DELETE FROM seen_items WHERE user_key = :key", key=leaving.encode())
        seen = [one for one in seen if one[1] != leaving]
        more = [one for name in domains for one in world(name, rng, range(20 * turn + 1, 20 * turn + 21))]
        await see(service, more)
        seen += more
        assert await count_if_due(service.resources, ANEW)
        expected = recount(seen, datetime.now(UTC) - KEPT)
        assert await held(service, domains) == expected
        totals = "SELECT domain, mass FROM successor_totals WHERE domain = ANY(CAST(:domains AS text[]))"
        masses = {row.domain: row.mass for row in await service.fetch(totals, domains=domains)}
        since = datetime.now(UTC) - KEPT
        assert masses == pytest.approx({name: mass(seen, name, since) for name in domains})
    assert any(0 < row.kept < row.total for row in expected.values())


async def test_what_one_user_did_alone_counts_and_is_not_kept(service: Service, domain: str) -> None:
    await see(service, in_turn(domain, {"a": ["x", "y", "z"], "b": ["x", "z"]}))
    await count_if_due(service.resources, ANEW)
    assert await held(service, [domain]) == {
        (domain, "x"): Row(total=3, kept=2, edges=[("z", 2, 3)]),
        (domain, "y"): Row(total=1),
    }


async def test_the_heaviest_are_kept(service: Service, domain: str) -> None:
    names = [f"s{n:03}" for n in range(MOST + 30)]
    many = names[::5]
    orders = {f"{name}-{n}": ["from", name] for name in names for n in range(3 if name in many else 2)}
    await see(service, in_turn(domain, orders))
    await count_if_due(service.resources, ANEW)
    ((_, row),) = (await held(service, [domain])).items()
    others = [name for name in names if name not in many]
    assert [edge[0] for edge in row.edges] == (many + others)[:MOST]
    assert row.kept == 3 * len(many) + 2 * (MOST - len(many)) < row.total == len(orders)


async def test_who_is_erased_and_who_comes_are_in_the_next_count(service: Service, domain: str) -> None:
    for user in ("a", "b", "c"):
        await service.detect(user, [behavior("chess", n, item) for n, item in enumerate(("x", "y", "z"))], domain)
    await service.detect("d", [behavior("chess", n, item) for n, item in enumerate(("u", "v"))], domain)
    await count_if_due(service.resources, ANEW)
    before = await written(service, domain)
    assert (await held(service, [domain]))[domain, "x"] == Row(6, 6, [("y", 3, 3), ("z", 3, 6)])
    assert set(before) == {"x", "y", "u"}

    answer = await service.client.delete("/users/d", params={"domain": domain})
    assert answer.status_code == 204
    await count_if_due(service.resources, ANEW)
    assert await written(service, domain) == {name: before[name] for name in ("x", "y")}, "as they were: not written"

    await service.detect("e", [behavior("chess", n, item) for n, item in enumerate(("x", "w"))], domain)
    await count_if_due(service.resources, ANEW)
    after = await written(service, domain)
    assert after["y"] == before["y"]
    assert after["x"] != before["x"]
    assert (await held(service, [domain]))[domain, "x"] == Row(7, 6, [("y", 3, 3), ("z", 3, 6)])

    for user in ("a", "b", "c", "e"):
        await service.client.delete(f"/users/{user}", params={"domain": domain})
    await count_if_due(service.resources, ANEW)
    assert await written(service, domain) == {}
    assert not await service.fetch("SELECT FROM successor_totals WHERE domain = :domain", domain=domain)


async def test_it_is_counted_again_only_if_somebody_saw_something_new(service: Service, domain: str) -> None:
    await see(service, in_turn(domain, {"a": ["x", "y"], "b": ["x", "y"]}))
    await count_if_due(service.resources, ANEW)
    await service.fetch("UPDATE item_successors SET total = 7 WHERE domain = :domain", domain=domain)
    assert await count_if_due(service.resources, ANEW)
    assert (await held(service, [domain]))[domain, "x"].total == 7, "it was not looked at"
    of = "WHERE domain = :domain AND user_key = :user AND item_id = :item"
    known = {"domain": domain, "user": b"a", "item": "y"}
    await service.fetch(f"UPDATE seen_items SET seen_at = now() {of}", **known)  # noqa: S608
    await count_if_due(service.resources, ANEW)
    assert (await held(service, [domain]))[domain, "x"].total == 7, "to see something again is no first time"
    earlier = f"UPDATE seen_items SET first_seen_at = :first {of}"  # noqa: S608
    await service.fetch(earlier, first=START - MINUTE, **known)
    await count_if_due(service.resources, ANEW)
    assert await held(service, [domain]) == {(domain, "x"): Row(total=1), (domain, "y"): Row(total=1)}


async def written(service: Service, domain: str) -> dict[str, tuple[datetime, str]]:
    """When each of the rows was written, and by which transaction."""
    query = "SELECT item_id, counted_at, CAST(xmin AS text) AS by FROM item_successors WHERE domain = :domain"
    return {row.item_id: (row.counted_at, row.by) for row in await service.fetch(query, domain=domain)}


async def test_a_replica_that_does_not_count_goes_by_what_is_there(
    service: Service, open_service: Open, user: str, domain: str
) -> None:
    await see(service, in_turn(domain, {"a": ["x", "y"], "b": ["x", "y"]}))
    await count_if_due(service.resources, ANEW)
    only_serves = await open_service(successors_every_minutes=0.0)
    await only_serves.detect(user, [behavior("chess", 0, "x")], domain)
    assert (await successors_of(only_serves, user, domain)).hashes.tolist() == [hash_of("y")]


_COUNTING = """
    SELECT backend_xid FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%WITH items AS%'
"""


async def test_counting_holds_up_nobody(service: Service, domain: str) -> None:
    """Webhooks and the stream wait for every transaction that has an id; another count is no reason to wait."""
    await see(service, in_turn(domain, {"a": ["x", "y"], "b": ["x", "y"]}))

    async def is_counting() -> bool:
        return bool(await service.fetch(_COUNTING))

    async with service.resources.engine.begin() as slow:  # as long as this holds the table, the counting lasts
        await slow.execute(text("LOCK TABLE item_successors IN ACCESS EXCLUSIVE MODE"))
        counting = asyncio.create_task(count_if_due(service.resources, ANEW))
        await until(is_counting)
        assert [row.backend_xid for row in await service.fetch(_COUNTING)] == [None]
        assert not await count_if_due(service.resources, ANEW), "one at a time"
        async with asyncio.timeout(60):
            await service.put(catalogue(["chess"], 1), domain)
    assert await counting
    assert len(await held(service, [domain])) == 1
    assert not await count_if_due(service.resources, LATER), "it was counted lately"


_WATCH_WRITES = (
    """
    CREATE TABLE writes_seen (n serial, at text, what text, item_id text, read bigint)
    """,
    """
    CREATE FUNCTION see_write() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO writes_seen (at, what, item_id, read)
        SELECT TG_TABLE_NAME, TG_OP, to_jsonb(coalesce(NEW, OLD)) ->> 'item_id', (
            SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables WHERE relname = 'seen_items'
        );
        RETURN coalesce(NEW, OLD);
    END $$
    """,
    *(
        f"CREATE TRIGGER watch BEFORE INSERT OR UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION see_write()"
        for table in ("item_successors", "successor_totals")
    ),
)


async def test_all_is_counted_before_the_first_row_is_written(service: Service, domain: str) -> None:
    """From the first write on, webhooks and the stream wait for the transaction: no more is read of users then."""
    leaving, staying = f"{domain}-leaving", f"{domain}-staying"
    await see(service, in_turn(leaving, {"a": ["x", "y"], "b": ["x", "y"]}))
    await count_if_due(service.resources, ANEW)
    await service.fetch("DELETE FROM seen_items WHERE domain = :domain", domain=leaving)
    names = [f"i{n}" for n in range(8)]
    await see(service, in_turn(staying, dict.fromkeys("abc", names)))
    for statement in _WATCH_WRITES:
        await service.fetch(statement)
    try:
        await count_if_due(service.resources, ANEW)
        writes = await service.fetch("SELECT * FROM writes_seen ORDER BY n")
    finally:
        await service.fetch("DROP FUNCTION see_write CASCADE")
        await service.fetch("DROP TABLE writes_seen")
    first, after = writes[:7], writes[7:]
    assert [(one.at, one.what, one.item_id) for one in first] == [
        ("item_successors", "INSERT", name) for name in names[:-1]
    ], "what is written first has been sorted, so all of it was counted"
    assert {(one.at, one.what) for one in after} >= {("item_successors", "DELETE"), ("successor_totals", "INSERT")}
    assert len({one.read for one in writes}) == 1
    assert writes[0].read >= 3 * len(names)


async def test_a_replica_counts_by_itself(
    service: Service, open_service: Open, domain: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "FIRST_AFTER_SECONDS", 0.01)
    await see(service, in_turn(domain, {"a": ["x", "y"], "b": ["x", "y"]}))
    await service.fetch("DELETE FROM installation WHERE name = :name", name=SUCCESSORS.last)
    await open_service(successors_every_minutes=60.0)

    async def counted() -> bool:
        return len(await held(service, [domain])) == 1

    await until(counted)


async def test_what_is_read_of_a_users_items_is_what_is_held(service: Service, user: str, domain: str) -> None:
    rng = np.random.default_rng(11)
    await see(service, [one for name in (domain, f"{domain}-other") for one in world(name, rng, range(90))])
    await see(service, in_turn(domain, {"alone": ["only", "lonely"]}))
    await count_if_due(service.resources, ANEW)
    rows = await held(service, [domain])
    asked = ["item-3", "nowhere", "only", "中"]
    older = ["item-3", *(f"older-{n}" for n in range(ASKED - len(asked) + 1)), *reversed(asked)]
    for name in (domain, "nowhere"):
        await service.detect(user, [behavior("opera", n, item_id) for n, item_id in enumerate(older)], name)
    read, elsewhere = await successors_of(service, user, domain), await successors_of(service, user, "nowhere")
    nobody = await successors_of(service, "nobody", domain)
    await service.detect("vague", [behavior("opera", 0, "none") | {"item_id": None}], domain)
    nothing = await successors_of(service, "vague", domain)
    expected = [rows.get((domain, item_id), Row()) for item_id in asked]
    more = ASKED - len(asked)  # the newest, each once
    assert expected[0].edges
    assert expected[3].edges
    assert not expected[2].edges
    assert read.mass > 1.0
    assert len(read.items) == ASKED
    assert read.items.tolist()[: len(asked)] == [hash_of(item_id) for item_id in asked]
    assert read.totals.tolist() == [row.total for row in expected] + [0] * more
    assert read.kept.tolist() == [row.kept for row in expected] + [0] * more
    assert list(zip(read.row, read.place, read.hashes, read.counts, read.arrivals, strict=True)) == [
        (row, place, hash_of(item_id), users, arrivals)
        for row, of in enumerate(expected)
        for place, (item_id, users, arrivals) in enumerate(of.edges)
    ]
    assert read.hashes.dtype == np.uint64
    assert (nothing.mass, len(nothing.totals), len(nothing.row)) == (read.mass, 0, 0)
    assert (elsewhere.mass, elsewhere.totals.tolist(), len(elsewhere.hashes)) == (0, [0] * ASKED, 0)
    assert len(nobody.items) == 0


async def test_the_newest_items_are_those_since_a_model_came_back(
    service: Service, open_service: Open, user: str, domain: str
) -> None:
    """What was kept before another model was served has later arrivals, and is older all the same."""
    other = await open_service(FakeEncoder(dim=32), profile=None)
    await service.detect(user, [behavior("opera", n, f"before-{n}") for n in range(ASKED + 6)], domain)
    await other.detect(user, [behavior("opera", ASKED + 6, "between")], domain)
    since = [behavior("opera", ASKED + 7 + n, f"since-{n}") for n in range(9)]
    await service.detect(user, since, domain)
    read = await successors_of(service, user, domain)
    assert len(read.items) == ASKED
    assert read.items.tolist()[:9] == [hash_of(one["item_id"]) for one in reversed(since)]


async def successors_of(service: Service, user: str, domain: str) -> Successors:
    """As they are read with a user."""
    key = service.resources.keys_of(domain, user).present
    async with service.resources.read_sessions() as session:
        return (await held_repository.held(session, domain, key, service.resources.encoder.info.space)).successors


async def test_items_at_places_are_named_if_they_may_be_recommended(service: Service, user: str, domain: str) -> None:
    gone = {"expires_at": (datetime.now(UTC) + LATER).isoformat()}
    put = catalogue(["chess", "opera"], 3)
    put[0] |= gone
    await service.put(put, domain)
    await service.put(catalogue(["chess"], 6), f"{domain}-other")
    later = ["chess-0", "chess-1", "opera-1", "opera-2", "chess-5"]  # the last is of another domain's catalogue
    await see(service, in_turn(domain, {n: ["from", *later] for n in "ab"} | {n: ["too", "opera-1"] for n in "cd"}))
    await service.detect(user, [behavior("opera", 0, "before"), behavior("opera", 1, "opera-2")], domain)
    popular = {"opera-1": 4, "opera-2": 3, "chess-1": 2}
    await count_if_due(service.resources, ANEW)
    await popularity.count_if_due(service.resources, ANEW)
    await service.fetch(
        "UPDATE item_vectors SET expires_at = now() WHERE domain = :domain AND expires_at IS NOT NULL", domain=domain
    )
    async with service.resources.read_sessions() as session:
        order = (await held(service, [domain]))[domain, "from"].edges
        wanted = [("from", n) for n in reversed(range(len(order) + 1))] + [("too", 0), ("nowhere", 0)]
        info = service.resources.encoder.info

        key = service.resources.keys_of(domain, user).present

        async def named(**conditions: Any) -> repository.Sampled:
            asked = Catalogue(domain, info.space, info.dim, **conditions)
            known = await candidates_repository.known(
                session, asked, key, near=["opera-2", "chess-2", "opera-1"], others=["from", "before"], after=wanted
            )
            assert known.users.tolist() == [3, 0, 4]
            assert known.seen == {"opera-2", "before"}
            assert known.after.users.tolist() == [popular[name] for name in known.after.ids]
            return known.after

        found = await named()
        assert found.ids == [name for name, _, _ in reversed(order) if name not in {"chess-0", "chess-5"}]
        assert set(found.ids) == {"chess-1", "opera-1", "opera-2"}
        assert set((await named(unseen_by=key)).ids) == {"chess-1", "opera-1"}
        assert (await named(category="chess")).ids == ["chess-1"]
        vectors = dict(zip(found.ids, found.vectors, strict=True))
        for name in found.ids:
            near = await items.nearest(
                session, domain=domain, space=info.space, dim=info.dim, queries=vectors[name][None], per_query=1
            )
            assert near.ids == [name]
        # What only others have seen may come, whoever is asked about it.
        stranger = await candidates_repository.known(
            session, Catalogue(domain, info.space, info.dim), b"nobody", near=found.ids, others=[], after=wanted
        )
        assert (stranger.seen, stranger.after.ids) == (frozenset(), found.ids)


async def test_a_behavior_tells_when_an_item_was_seen_first(service: Service, user: str, domain: str) -> None:
    async def times(item_id: str) -> tuple[datetime, datetime]:
        query = "SELECT first_seen_at, seen_at FROM seen_items WHERE domain = :domain AND item_id = :item_id"
        ((first, latest),) = await service.fetch(query, domain=domain, item_id=item_id)
        return first, latest

    def at(n: int) -> datetime:
        return datetime.fromisoformat(behavior("chess", n, "x")["occurred_at"])

    def seeing(*places: int) -> list[Json]:
        return [behavior("chess", n, "x") for n in places]

    await service.detect(user, seeing(12, 11, 13), domain)
    assert await times("x") == (at(11), at(13))
    await service.detect(user, seeing(20), domain)
    assert await times("x") == (at(11), at(20))
    await service.detect(user, seeing(3), domain)  # late
    assert await times("x") == (at(3), at(20))
    await service.detect(user, [*seeing(3, 20), behavior("chess", 1, "y")], domain)  # again, with something new
    assert await times("x") == (at(3), at(20))
    assert await times("y") == (at(1), at(1))
