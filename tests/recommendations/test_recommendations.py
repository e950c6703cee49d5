"""What is recommended to whom, by HTTP, over a real catalogue."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import numpy as np
import pytest

from service.detection.detector import MIN_HISTORY
from service.policy.experts import chances
from service.policy.ranking import Source
from service.recommendations import service as recommendations
from service.recommendations import view
from service.recommendations.near import near
from service.recommendations.successors import count_if_due
from service.vectors import Vectors

from .conftest import OF_A_THEME, THEMES, Open, Service, behavior, catalogue, ids, stream, themes_of

pytestmark = pytest.mark.anyio
ALL = len(THEMES) * OF_A_THEME
SHARES = ("present", "long_term", "exploration")


async def test_a_new_user_gets_the_newest_items_while_nothing_is_popular(
    service: Service, user: str, domain: str
) -> None:
    for n in range(8):
        await service.put([{"item_id": f"i{n}", "text": f"text {n}"}], domain)
    told = await service.recommend(user, domain, k=5)
    assert ids(told) == ["i7", "i6", "i5", "i4", "i3"]
    assert {item["source"] for item in told["items"]} == {"exploration"}
    assert (told["as_of"], told["policy"]["status"], told["policy"]["exploration"]) == (None, "new", 1.0)
    assert told["mixture"] == {"present": 0.0, "long_term": 0.0, "domain": 1.0}
    policy = await service.policy(user, domain)
    assert policy["policy"] == told["policy"]
    assert (policy["as_of"], policy["behaviors"], policy["changes"]) == (None, 0, 0)
    assert [one["weight"] for one in policy["memories"]] == chances().round(6).tolist()


async def test_who_is_known_gets_items_near_to_the_present_interest(service: Service, user: str) -> None:
    await service.detect(user, stream(("chess", 40)))
    told = await service.recommend(user, k=10, diversity=0)
    explored = int(told["policy"]["exploration"] * 10)
    assert themes_of(told)[: 10 - explored] == ["chess"] * (10 - explored)
    assert {item["source"] for item in told["items"][: 10 - explored]} == {"present"}
    assert [item["source"] for item in told["items"][10 - explored :]] == ["exploration"] * explored
    scores = [item["score"] for item in told["items"][: 10 - explored]]
    assert scores[0] == 1.0
    assert scores == sorted(scores, reverse=True)
    assert sum(told["mixture"].values()) == pytest.approx(1.0, abs=1e-5)
    assert told["mixture"]["present"] > 0.8
    first = told["items"][0]
    n = int(first["item_id"].split("-")[1])
    assert (first["category"], first["attributes"]) == ("chess", {"n": n})
    assert first["text"] == catalogue()[THEMES.index("chess") * OF_A_THEME + n]["text"]
    assert first["explanation"] is None


async def test_several_interests_are_kept_apart(service: Service, user: str) -> None:
    """The mean of two themes is neither; items of each are near to some behaviours."""
    mixed = [behavior(("opera", "robots")[n % 2], n, f"past-{n}") for n in range(40)]
    await service.detect(user, mixed)
    told = await service.recommend(user, k=20)
    found = themes_of(told)[: 20 - int(told["policy"]["exploration"] * 20)]
    assert set(found) == {"opera", "robots"}
    assert min(found.count("opera"), found.count("robots")) >= 4


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many items each search of the catalogue left out."""
    left_out = []

    async def counted(*args: Any) -> tuple[list[str], Vectors]:
        left_out.append(len(args[-1].left_out))
        return await near(*args)

    monkeypatch.setattr(recommendations, "near", counted)
    return left_out


async def test_what_was_seen_is_left_out_unless_it_is_asked_for(
    service: Service, user: str, searches: list[int]
) -> None:
    seen = [f"baking-{n}" for n in range(12)]
    await service.detect(user, [behavior("baking", n, item_id) for n, item_id in enumerate(seen)])
    told = await service.recommend(user, k=100, diversity=0)
    assert len(ids(told)) == len(set(ids(told))) == 100
    assert not set(seen) & set(ids(told))
    assert set(themes_of(told)[: OF_A_THEME - len(seen)]) == {"baking"}, "what is left of what is near comes first"
    assert searches == [0], "one search finds enough, also where most is asked for"
    everything = await service.recommend(user, k=20, exclude_seen=False, diversity=0)
    assert set(seen) & set(ids(everything))


async def test_who_has_seen_nearly_everything_gets_the_rest(
    open_service: Open, user: str, domain: str, searches: list[int]
) -> None:
    """Also far more than is remembered one by one, and with more seen than is looked at for anybody."""
    service = await open_service(memory_behaviors=8)
    await service.put(catalogue(each=60), domain)
    every = [item["item_id"] for item in catalogue(each=60)]
    left = {"chess-7", "opera-33", "robots-59"}
    seen = [item_id for item_id in every if item_id not in left]
    await service.detect(user, [behavior(item.split("-")[0], n, item) for n, item in enumerate(seen)], domain)
    assert set(ids(await service.recommend(user, domain, k=10))) == left
    assert searches == [0, len(seen)]


async def test_only_items_of_the_category_asked_for(service: Service, user: str) -> None:
    await service.detect(user, stream(("cycling", 30)))
    for who in (user, f"new-{user}"):
        told = await service.recommend(who, category="gardens", k=100)
        assert sorted(themes_of(told)) == ["gardens"] * OF_A_THEME
    assert ids(await service.recommend(user, category="no such category")) == []


async def test_more_than_there_is(service: Service, user: str, domain: str) -> None:
    assert ids(await service.recommend(user, domain)) == []
    await service.detect(user, stream(("history", 12)), domain)
    told = await service.recommend(user, domain)
    assert (ids(told), told["policy"]["status"]) == ([], "ok")
    await service.put(catalogue(["history", "opera"], 3), domain)
    told = await service.recommend(user, domain, k=100)
    assert sorted(ids(told)) == sorted(item["item_id"] for item in catalogue(["history", "opera"], 3))


async def test_an_explanation_names_behaviours_and_topics_and_adds_up(service: Service, user: str) -> None:
    sent = stream(("sailing", 30), ("opera", 20))
    await service.detect(user, sent)
    names = {one["event_id"]: one["item_id"] for one in sent}
    told = await service.recommend(user, explain=True, k=20, diversity=0)
    for item in told["items"]:
        because, topics = item["explanation"]["because"], item["explanation"]["topics"]
        assert all(names[one["event_id"]] == one["item_id"] for one in because)
        shares = [one["share"] for one in because]
        assert shares == sorted(shares, reverse=True)
        assert 0 < sum(shares) <= 1
        assert topics[0]["label"] == item["category"] == THEMES[topics[0]["topic"]]
        assert sum(one["share"] for one in topics) <= 1.0001
    first = told["items"][0]
    assert (first["category"], first["source"]) == ("opera", "present")
    events = [int(one["event_id"][1:]) for one in first["explanation"]["because"]]
    assert min(events) >= 30, "behaviours of the same theme speak for it"


async def test_metrics_tell_of_what_source_items_were(service: Service, user: str) -> None:
    def told() -> Counter[str]:
        families = service.resources.metrics.registry.collect()
        of_source = [family.samples for family in families if family.name == "swerve_recommended_items"]
        return Counter({one.labels["source"]: int(one.value) for one in of_source[0]})

    await service.detect(user, stream(("sailing", 30)))
    before = told()
    assert set(before) == set(get_args(Source))
    answer = await service.recommend(user, k=30)
    assert told() - before == Counter(item["source"] for item in answer["items"])


async def test_what_others_took_up_is_recommended_where_it_foretells(service: Service, user: str, domain: str) -> None:
    """Items that are nothing like those before them, as in a basket; and what the user has seen does not come."""
    await service.put(catalogue(), domain)
    pairs = [(f"{THEMES[n]}-0", f"{THEMES[(n + 3) % len(THEMES)]}-1") for n in range(len(THEMES))]
    rng = np.random.default_rng(3)
    for other in range(24):
        had = [item_id for n in rng.permutation(len(pairs))[:4] for item_id in pairs[n]]
        await service.detect(f"{user}-{other}", [of(item_id, n) for n, item_id in enumerate(had)], domain)
    own = [item_id for pair in pairs[:5] for item_id in pair] + [pairs[5][0]]
    await service.detect(user, [of(item_id, n) for n, item_id in enumerate(own)], domain)
    alone = await service.recommend(user, domain, k=3, explain=True)
    assert all(one["relation"] == "likeness" for item in alone["items"] for one in item["explanation"]["because"])
    assert await count_if_due(service.resources, timedelta(0))
    told = await service.recommend(user, domain, k=5, explain=True)
    first = told["items"][0]
    assert first["item_id"] == pairs[5][1]
    assert first["item_id"] not in ids(alone)
    assert first["explanation"]["because"][0]["relation"] == "succession"
    assert first["explanation"]["because"][0]["item_id"] == pairs[5][0]
    weights = {one["name"]: one["weight"] for one in (await service.policy(user, domain))["memories"]}
    assert max(weights, key=weights.__getitem__) == "others_after_newest_3"
    for query in ({}, {"category": first["category"]}):
        told = await service.recommend(user, domain, k=100, **query)
        assert first["item_id"] in ids(told)
        assert not {*own} & {*ids(told)}
    told = await service.recommend(user, domain, k=20, category="chess")
    assert {item["category"] for item in told["items"]} == {"chess"}


def of(item_id: str, n: int) -> dict[str, Any]:
    """A behaviour on an item of a catalogue."""
    return behavior(item_id.split("-", maxsplit=1)[0], n, item_id)


async def test_deleted_and_expired_items_never_come(service: Service, user: str, domain: str) -> None:
    await service.put(catalogue(["chess", "opera"], 15), domain)
    await service.detect(user, stream(("chess", 30)), domain)
    for who in (user, f"new-{user}"):  # the view of the catalogue is read, and kept for a while
        assert len(ids(await service.recommend(who, domain, k=30))) == 30
    answer = await service.client.delete("/items/chess-3", params={"domain": domain})
    assert answer.status_code == 204
    past = datetime.now(UTC) - timedelta(hours=1)
    where = "SET expires_at = :past WHERE domain = :domain AND item_id IN ('chess-4', 'opera-4')"
    for change in ("UPDATE items " + where, "UPDATE item_vectors " + where):
        await service.fetch(change, past=past, domain=domain)
    gone = {"chess-3", "chess-4", "opera-4"}
    for who in (user, f"new-{user}"):
        for query in ({}, {"exclude_seen": False}, {"category": "chess"}):
            told = await service.recommend(who, domain, k=100, **query)
            assert len(ids(told)) == (13 if query.get("category") else 27)
            assert not gone & set(ids(told))
        # Others take their places.
        assert len(ids(await service.recommend(who, domain, k=20))) == 20


async def test_recommendations_follow_a_change_of_interest(service: Service, user: str) -> None:
    """Well before the detector declares it: the memories compete for every behaviour."""
    await service.detect(user, stream(("sailing", 60)))
    before = await service.recommend(user, k=10, diversity=0)
    assert before["items"][0]["category"] == "sailing"
    followed, declared, told = None, None, before
    for n, one in enumerate(stream(("robots", 25), first=60), 1):
        answer = await service.detect(user, [one])
        told = await service.recommend(user, k=10, diversity=0)
        if followed is None and themes_of(told)[0] == "robots":
            followed = n
        if declared is None and answer["mutated"]:
            declared = n
    assert followed is not None
    assert declared is not None
    assert followed <= 3
    assert followed <= declared <= 15
    explored = int(told["policy"]["exploration"] * 10)
    assert set(themes_of(told)[: 10 - explored]) == {"robots"}
    assert told["policy"]["boost"][0]["label"] == "robots"
    assert told["policy"]["suppress"][0]["label"] == "sailing"
    assert (await service.policy(user))["changes"] == 1


@pytest.mark.parametrize("between", [40, 300])
async def test_a_return_restores_what_was_liked_then(service: Service, user: str, between: int) -> None:
    """However long the interest between was: the earlier one's behaviours have a ring of their own."""
    await service.detect(user, stream(("gardens", 60)))
    await service.detect(user, stream(("chess", between), first=60))
    told = await service.recommend(user, k=20, diversity=0)
    assert themes_of(told)[0] == "chess"
    answers = [await service.detect(user, [one]) for one in stream(("gardens", 25), first=60 + between)]
    (change,) = [answer["change"] for answer in answers if answer["mutated"]]
    assert change["kind"] == "returning"
    told = await service.recommend(user, k=10, explain=True, diversity=0)
    assert set(themes_of(told)[: 10 - int(told["policy"]["exploration"] * 10)]) == {"gardens"}
    shown = await service.policy(user)
    weights = {one["name"]: one["weight"] for one in shown["memories"]}
    assert sum(weights.values()) == pytest.approx(1.0, abs=1e-4)
    assert told["mixture"]["long_term"] > 0.1, "what was learnt then counts again"
    kept = [row for row in await service.memory(user) if row.arrival < 60]
    assert len(kept) == 60


async def test_the_policy_in_force_is_that_of_the_last_answer(service: Service, user: str) -> None:
    at = 0
    told: dict[str, Any] = {}
    shown: dict[str, Any] = {}
    for theme, n in (("opera", 3), ("opera", 40), ("baking", 5), ("baking", 20), ("opera", 1)):
        told = await service.detect(user, stream((theme, n), first=at))
        at += n
        shown = await service.policy(user)
        assert shown["policy"] == told["policy"]
        assert shown["policy"] == (await service.recommend(user))["policy"]
        assert (shown["user_id"], shown["domain"], shown["behaviors"]) == (user, "default", at)
        assert datetime.fromisoformat(shown["as_of"]) == datetime.fromisoformat(
            stream((theme, 1), first=at - 1)[0]["occurred_at"]
        )
        assert sum(shown["policy"][name] for name in SHARES) == pytest.approx(1.0, abs=1e-5)
        assert shown["policy"]["status"] == ("ok" if at >= MIN_HISTORY else "warming_up")
    repeated = await service.detect(user, stream(("opera", 1), first=at - 1))
    assert (repeated["duplicates"], repeated["policy"]) == (1, told["policy"])
    assert shown["changes"] == 1


async def test_since_is_when_the_present_interest_began(service: Service, user: str) -> None:
    """For the first one the first behaviour, however requests are cut and whatever is put in order."""
    sent = stream(("opera", 40), ("baking", 30))
    first, change = sent[0]["occurred_at"], sent[40]["occurred_at"]
    told = await service.detect(user, sent[:1])
    assert told["policy"]["since"] == first.replace("+00:00", "Z")
    assert told["policy"]["until"] is None
    for one in sent[1:]:
        told = await service.detect(user, [one])
        assert datetime.fromisoformat(told["policy"]["since"]) in map(datetime.fromisoformat, (first, change))
        if told["mutated"]:
            assert told["change"]["changed_at"] == told["policy"]["since"]
    assert datetime.fromisoformat(told["policy"]["since"]) == datetime.fromisoformat(change)
    at_once = await service.detect(f"{user}-at-once", sent)
    assert at_once["policy"] == told["policy"]
    assert told["policy"]["until"] > told["policy"]["since"]


async def test_nothing_that_is_not_stored_is_in_the_policy_in_force(service: Service, user: str) -> None:
    await service.detect(user, stream(("opera", 20)))
    shown = await service.policy(user)
    tried = await service.detect(user, stream(("baking", 30), first=20), persist=False)
    assert tried["mutated"]
    assert tried["policy"]["boost"] != shown["policy"]["boost"]
    assert await service.policy(user) == shown
    assert len(await service.memory(user)) == 20


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"k": 0}, "k"),
        ({"k": 101}, "k"),
        ({"k": "ten"}, "k"),
        ({"diversity": -0.1}, "diversity"),
        ({"diversity": 1.1}, "diversity"),
        ({"diversity": "nan"}, "diversity"),
        ({"exclude_seen": "perhaps"}, "exclude_seen"),
        ({"explain": "2"}, "explain"),
        ({"category": ""}, "category"),
        ({"category": "x" * 10_000}, "category"),
        ({"domain": "no spaces"}, "domain"),
        ({"K": 5}, "K"),
    ],
)
async def test_what_cannot_be_asked_is_refused_by_name(service: Service, query: dict[str, Any], field: str) -> None:
    answer = await service.client.get("/users/u/recommendations", params=query)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_what_is_at_the_bounds_is_answered(service: Service, user: str) -> None:
    assert len(ids(await service.recommend(user, k=100, diversity=1, explain=True))) == 100
    assert len(ids(await service.recommend(user, k=1, diversity=0))) == 1
    assert view.POPULAR >= 100


async def test_diversity_costs_likeness(service: Service, user: str) -> None:
    mixed = [behavior("opera" if n % 4 else "robots", n, f"past-{n}") for n in range(40)]
    await service.detect(user, mixed)
    plain = themes_of(await service.recommend(user, k=10, diversity=0))
    diverse = themes_of(await service.recommend(user, k=10, diversity=0.9))
    assert len(set(diverse)) > len(set(plain))
