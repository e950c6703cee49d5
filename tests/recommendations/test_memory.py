"""Which behaviours are kept one by one: bounded, whatever the requests, and found again whatever becomes of a user."""

from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from service.detect.remember import RINGS
from service.detection.coded import code
from service.detection.detector import Params, restart
from service.encoder import FakeEncoder
from service.policy.memory import NEWEST, OF_EARLIER, Behavior, Memory, assemble
from service.recommendations.standing import standing

from .conftest import (
    DIM,
    SECRET,
    START,
    THEMES,
    Json,
    Open,
    Service,
    behavior,
    catalogue,
    ids,
    stream,
    themes_of,
    vector_of,
)

pytestmark = pytest.mark.anyio
COLUMNS = ("arrival", "event_id", "item_id", "occurred_at", "counted_at", "weight", "space", "codes", "scale")


async def remembered(service: Service, user: str) -> Memory:
    """The memory as recommendations see it."""
    async with service.resources.engine.connect() as connection:
        return (await standing(service.resources, connection, user, "default")).memory


async def send(service: Service, user: str, sent: list[Json], each: int) -> Json:
    """The stream in requests of so many behaviours."""
    told: Json = {}
    for at in range(0, len(sent), each):
        told = await service.detect(user, sent[at : at + each])
    return told


def same(found: Memory, expected: Memory) -> None:
    for field in fields(Memory):
        np.testing.assert_array_equal(getattr(found, field.name), getattr(expected, field.name), field.name)


async def test_the_memory_is_the_same_however_a_stream_is_cut_into_requests(service: Service, user: str) -> None:
    parts = [("chess", 37), ("opera", 30), ("robots", 30), ("chess", 31)]
    sent = stream(*parts)
    for n in range(0, len(sent), 7):  # some on an item that came before
        sent[n]["item_id"] = f"past-{n % 4}"
    sent[11]["type"], sent[100]["type"] = "purchase", "dislike"
    told = await send(service, f"{user}-1000", sent, 1000)
    expected = await remembered(service, f"{user}-1000")
    rows = [[getattr(row, name) for name in COLUMNS] for row in await service.memory(f"{user}-1000")]
    assert [row[0] for row in rows] == list(range(len(sent)))
    assert expected.regimes.tolist() == [number for number, (_, n) in enumerate(parts) for _ in range(n)]
    assert expected.fresh.sum() == len({one["item_id"] for one in sent})
    assert expected.event_ids == tuple(one["event_id"] for one in sent)
    recommended = await service.recommend(f"{user}-1000", explain=True)
    for each in (64, 7, 1):
        assert (await send(service, f"{user}-{each}", sent, each))["policy"] == told["policy"]
        found = [[getattr(row, name) for name in COLUMNS] for row in await service.memory(f"{user}-{each}")]
        assert found == rows
        same(await remembered(service, f"{user}-{each}"), expected)
        again = await service.recommend(f"{user}-{each}", explain=True)
        assert again | {"user_id": ""} == recommended | {"user_id": ""}


async def test_rings_are_bounded_and_hold_the_newest_of_each_regime(open_service: Open, user: str) -> None:
    """After seven changes, in one request of a thousand behaviours."""
    slots, each = 16, 125
    service = await open_service(memory_behaviors=slots)
    await service.detect(user, stream(*((theme, each) for theme in THEMES)))
    assert (await service.policy(user))["changes"] == len(THEMES) - 1
    rows = await service.memory(user)
    assert len(rows) == RINGS * slots
    began = [each * n for n in range(len(THEMES) - RINGS, len(THEMES))]
    assert [row.arrival for row in rows] == [start + each - slots + n for start in began for n in range(slots)]
    memory = await remembered(service, user)
    assert memory.regimes.tolist() == [number for number in range(3, 8) for _ in range(slots)]


async def test_rings_are_bounded_too_where_changes_are_noticed_late(open_service: Open, user: str) -> None:
    """What comes before a change is noticed takes the oldest places of the interest before, and no others."""
    slots, each = 16, 30
    service = await open_service(memory_behaviors=slots)
    late = {}
    for n, one in enumerate(stream(*((theme, each) for theme in THEMES))):
        if (await service.detect(user, [one]))["mutated"]:
            late[n // each] = n % each
    assert list(late) == list(range(1, len(THEMES)))
    assert 0 < max(late.values()) < slots
    assert len(await service.memory(user)) <= RINGS * slots
    memory = await remembered(service, user)
    for number in range(len(THEMES) - RINGS, len(THEMES)):
        kept, end = set(memory.positions[memory.regimes == number].tolist()), each * (number + 1)
        assert kept >= set(range(end - slots + late.get(number + 1, 0), end))


async def test_the_memory_of_a_regime_that_is_forgotten_counts_no_more(service: Service, user: str) -> None:
    """Its rows may still be there, for those of the regime that has its ring now have not needed their places."""
    sent = stream(*((theme, 20) for theme in THEMES))
    await service.detect(user, sent[:80])
    await service.detect(user, sent[80:])
    assert (await service.policy(user))["changes"] == 7
    assert {row.arrival for row in await service.memory(user)} >= set(range(20, 40))
    memory = await remembered(service, user)
    assert memory.positions.tolist() == list(range(60, 160))
    assert memory.regimes.tolist() == [position // 20 for position in range(60, 160)]


async def test_without_memory_the_popular_is_recommended_all_the_same(open_service: Open, user: str) -> None:
    service = await open_service(memory_behaviors=0)
    await service.put(catalogue(["chess", "opera"], 5))
    answer = await service.detect(user, stream(("chess", 30)))
    assert await service.memory(user) == []
    told = await service.recommend(user, k=5)
    assert told["policy"] == answer["policy"]
    assert told["policy"]["status"] == "ok"
    assert told["mixture"] == {"present": 0.0, "long_term": 0.0, "domain": 1.0}
    assert len(ids(told)) == 5


async def test_another_models_memory_is_not_looked_at(service: Service, open_service: Open, user: str) -> None:
    other = await open_service(FakeEncoder(dim=32), profile=None)
    await other.put(catalogue(["chess", "opera"], 5))
    await service.detect(user, stream(("chess", 40)))
    assert (await other.recommend(user))["policy"]["status"] == "new"
    assert len(await remembered(other, user)) == 0
    await other.detect(user, stream(("opera", 6), first=40))
    memory = await remembered(other, user)
    assert (memory.vectors.shape, memory.event_ids[0]) == ((6, 32), "e0040")
    told = await other.recommend(user, k=5, diversity=0)
    assert (told["policy"]["status"], set(themes_of(told))) == ("uncalibrated", {"opera"})
    # Back again, the user is new once more, and what was kept then is not taken for what came since.
    assert (await service.recommend(user))["policy"]["status"] == "new"
    await service.detect(user, stream(("robots", 12), first=46))
    memory = await remembered(service, user)
    assert memory.event_ids == tuple(f"e{n:04}" for n in range(46, 58))


async def test_memory_is_found_and_moved_when_the_secret_of_user_keys_changes(
    service: Service, open_service: Open, user: str
) -> None:
    await service.put(catalogue(["chess", "opera"], 5))
    await service.detect(user, stream(("chess", 30)))
    before = await service.recommend(user)
    rotating = await open_service(user_key_secret="another-secret-of-theirs", user_key_previous_secrets=(SECRET,))
    assert await rotating.recommend(user) == before, "reading moves nobody"
    assert await rotating.policy(user) == await service.policy(user)
    assert len(await service.memory(user)) == 30
    await rotating.detect(user, stream(("chess", 1), first=30))
    assert await service.memory(user) == []
    assert len(await rotating.memory(user)) == len(await remembered(rotating, user)) == 31
    seen = "chess-0"
    await rotating.detect(user, [behavior("chess", 31, seen)])
    assert seen not in ids(await rotating.recommend(user, k=100))


async def test_who_was_erased_is_new_again(service: Service, user: str) -> None:
    await service.put(catalogue(["chess", "opera"], 5))
    await service.detect(user, [behavior("chess", n, f"chess-{n % 5}") for n in range(30)])
    assert not set(ids(await service.recommend(user, k=100))) & {f"chess-{n}" for n in range(5)}
    assert (await service.client.delete(f"/users/{user}")).status_code == 204
    assert await service.memory(user) == []
    told, stranger = await service.recommend(user, k=100), await service.recommend(f"new-{user}", k=100)
    assert told | {"user_id": ""} == stranger | {"user_id": ""}
    assert told["policy"]["status"] == "new"


async def test_behaviours_out_of_order_are_remembered_in_order(service: Service, user: str) -> None:
    sent = stream(("chess", 6))
    for n, one in enumerate(sent):
        one["occurred_at"] = (START + timedelta(seconds=10 * n)).isoformat()
    for one in (sent[2], sent[0], sent[1], sent[5], sent[3], sent[4]):
        await service.detect(user, [one])
    memory = await remembered(service, user)
    assert memory.event_ids == tuple(one["event_id"] for one in sent)
    assert memory.positions.tolist() == list(range(6))
    for n, vector in enumerate(memory.vectors):
        exact = await vector_of(FakeEncoder(dim=DIM), sent[n]["text"])
        np.testing.assert_allclose(vector, exact, atol=0.01)


def rows(*arrivals: int, **columns: Any) -> list[Behavior]:
    """Rows of the same vector, each on an item of its own."""
    coded = code(np.eye(1, 8, dtype=np.float32)[0])
    made = [Behavior(n, f"e{n}", f"i{n}", 1.0, coded.codes.tobytes(), float(coded.scale)) for n in arrivals]
    return [replace(row, **columns) for row in made]


def test_the_newest_are_looked_at_and_some_of_each_regime_before() -> None:
    state = replace(Params(8, None).empty(), behaviors=100)
    state = replace(restart(state, 40), behaviors=300)
    state = replace(restart(state, 100), behaviors=360)
    assert (state.began, [one.began for one in state.past]) == (200, [60, 0])
    memory = assemble(rows(*range(360)), state, 8)
    first = 360 - NEWEST
    chosen = [*range(60 - OF_EARLIER, 60), *range(200 - OF_EARLIER, 200), *range(first - OF_EARLIER, 360)]
    assert memory.positions.tolist() == chosen
    assert memory.regimes.tolist() == [(position >= 60) + (position >= 200) for position in chosen]
    assert len(memory.vectors) == len(memory.weights) == len(memory.inclusion) == len(memory.fresh) == len(chosen)
    np.testing.assert_allclose(memory.vectors, np.eye(1, 8).repeat(len(chosen), axis=0), atol=1e-6)


def test_items_are_new_to_the_user_once() -> None:
    """Without an item it is the vector that tells; what is no longer looked at has been seen all the same."""
    kept = [*rows(*range(4)), *rows(4, item_id="i1"), *rows(5, item_id=None), *rows(6, item_id=None)]
    other = code(np.eye(8, dtype=np.float32)[1])
    kept += rows(7, item_id=None, codes=other.codes.tobytes())
    state = replace(Params(8, None).empty(), behaviors=8)
    assert assemble(kept, state, 8).fresh.tolist() == [True] * 4 + [False, True, False, True]
    many = rows(*range(200))
    many[199] = replace(many[199], item_id="i0")
    memory = assemble(many, replace(state, behaviors=200), 8)
    assert 0 not in memory.positions
    assert not memory.fresh[-1]
    assert memory.fresh[:-1].all()


def test_of_two_rows_of_one_arrival_the_later_counts() -> None:
    old, new = rows(3, event_id="old"), rows(*range(5))
    memory = assemble([*old, *new], replace(Params(8, None).empty(), behaviors=5), 8)
    assert memory.event_ids == ("e0", "e1", "e2", "e3", "e4")


def test_of_nobody_nothing_is_remembered() -> None:
    memory = assemble([], Params(8, None).empty(), 8)
    assert (len(memory), memory.vectors.shape) == (0, (0, 8))
