"""The policy in force, and the items that follow from it."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncConnection

from service import timing
from service.connected import connected
from service.item_topics import item_topics
from service.items import repository as items
from service.items.repository import Item
from service.policy.experts import EXPERTS
from service.policy.ranking import Learnt, Pick, learn, next_up, questions, rank
from service.policy.schemas import MemoryWeight, PolicyInForce
from service.recommendations import candidates_repository, repository
from service.recommendations.near import Search, near
from service.recommendations.repository import Catalogue, Sampled
from service.recommendations.schemas import (
    Because,
    Explanation,
    MixtureShares,
    Recommendation,
    Recommendations,
    RecommendationsQuery,
)
from service.recommendations.standing import Standing, standing
from service.recommendations.view import POPULAR, View
from service.resources import Resources

DIGITS = 6
QUESTIONS = 4
"""Vectors that the catalogue is searched near. In a trial they left 85 % of the hits of ranking the whole catalogue
on planted topics, and all where popularity counts; one more costs 1.5 ms at a million items."""
PER_QUESTION = 30
EF_SEARCH = 90
"""At a million items, the index finds 0.96 of the true neighbours with it. With 80 one index found 0.96 and the
next that was built 0.949: no two are alike. See `bench.recommend.index`."""
MOST_SEEN = 10_000
"""Of what a user has seen, the latest that is kept out of a search for somebody who has seen most of what is near."""
NAMED = 3
"""Behaviours that an explanation names."""
FOLLOWED = 30
"""Items that others took up after the user's, which are candidates besides."""
INLINE_ITEMS = 32
"""More than that take some milliseconds to rank, in a thread; for fewer the way there and back would add to it."""


async def policy(resources: Resources, user_id: str, domain: str) -> PolicyInForce:
    """The policy, and which memory foretells the user. Of a new user, what everybody starts from."""
    view = await resources.views.get(domain)
    async with _connected(resources) as connection:
        user = await standing(resources, connection, user_id, domain)
    learnt = learn(user.memory, view.vectors, view.weights, user.successors)
    return PolicyInForce(
        user_id=user_id,
        domain=domain,
        as_of=user.as_of,
        behaviors=user.state.behaviors,
        changes=user.state.regime,
        policy=user.policy,
        memories=[
            MemoryWeight(name=expert.name, weight=round(float(weight), DIGITS))
            for expert, weight in zip(EXPERTS, learnt.mixture.weights, strict=True)
        ],
    )


async def recommend(resources: Resources, user_id: str, query: RecommendationsQuery) -> Recommendations:
    """Items for a user, ranked and diversified.

    Candidates are near to what counts of the memory, were taken up by others after it, or are popular.
    """
    view = await resources.views.get(query.domain)
    async with _connected(resources) as connection:
        user = await standing(resources, connection, user_id, query.domain)
        # One or two milliseconds, which the way to a thread and back would add to.
        learnt = learn(user.memory, view.vectors, view.weights, user.successors)
        found = _Found(questions(learnt, QUESTIONS), next_up(learnt, FOLLOWED), view, query)
        candidates = await _candidates(resources, connection, user, found)
        candidates, picks, details = await _picked(connection, user, learnt, candidates, found)
    resources.metrics.recommended(pick.source for pick in picks)
    return Recommendations(
        user_id=user_id,
        domain=query.domain,
        as_of=user.as_of,
        policy=user.policy,
        mixture=MixtureShares(**{name: round(share, DIGITS) for name, share in learnt.shares.items()}),
        items=[
            _told(pick, details[candidates.ids[pick.place]], explanation)
            for pick, explanation in zip(
                picks,
                _explanations(resources, learnt, candidates, picks) if query.explain else [None] * len(picks),
                strict=True,
            )
        ],
    )


@asynccontextmanager
async def _connected(resources: Resources) -> AsyncIterator[AsyncConnection]:
    """A connection that reads; while users move between keys, all that is read is of one moment."""
    rotating = bool(resources.other_user_key_secrets)
    async with connected(resources, transaction=rotating) as connection:
        if rotating:
            await connection.execution_options(isolation_level="REPEATABLE READ")
        yield connection


@dataclass(frozen=True, slots=True)
class _Found:
    """What is known when candidates are looked for: vectors to be near to, and items to have come after which place."""

    near_to: NDArray[np.float32]
    after: list[tuple[str, int]]
    view: View
    query: RecommendationsQuery


async def _candidates(resources: Resources, connection: AsyncConnection, user: Standing, known: _Found) -> Sampled:
    """Items that may be recommended: near to what counts of the memory, taken up after it, and liked by many.

    What the user has seen is left out afterwards, which is quicker than while the index is searched; only where too
    little is left, as for who has seen most of what is near, it is searched again without that.
    """
    query = known.query
    found = await _found_by_any(resources, connection, user, known)
    if query.exclude_seen and len(found.ids) < query.k:
        with timing.phase("database"):
            seen = await repository.seen(connection, query.domain, user.user_key, MOST_SEEN)
        if seen:
            found = await _found_by_any(resources, connection, user, known, seen=seen)
    return found


async def _found_by_any(
    resources: Resources, connection: AsyncConnection, user: Standing, known: _Found, *, seen: Sequence[str] = ()
) -> Sampled:
    info, query = resources.encoder.info, known.query
    catalogue = Catalogue(query.domain, info.space, info.dim, query.category, user.user_key if seen else None)
    search = Search(catalogue, max(PER_QUESTION, query.k), max(EF_SEARCH, query.k), tuple(seen))
    near_ids, near_vectors = await near(resources, connection, known.near_to, search)
    with timing.phase("database"):
        liked = known.view.popular
        if query.category is not None or seen:
            liked = await repository.liked(connection, catalogue, POPULAR, enough=query.k)
        told = await candidates_repository.known(
            connection, catalogue, user.user_key, near=near_ids, others=liked.ids, after=known.after
        )
    found = Sampled(
        [*near_ids, *liked.ids, *told.after.ids],
        np.concatenate([near_vectors, liked.vectors, told.after.vectors]),
        np.concatenate([told.users, liked.users, told.after.users]),
    )
    left_out = told.seen if query.exclude_seen else frozenset()
    first: dict[str, int] = {}
    for place, item_id in enumerate(found.ids):
        if item_id not in left_out:
            first.setdefault(item_id, place)
    return found.at(np.array(list(first.values()), np.int64))


async def _picked(
    connection: AsyncConnection, user: Standing, learnt: Learnt, candidates: Sampled, known: _Found
) -> tuple[Sampled, list[Pick], Mapping[str, Item]]:
    """The candidates, the best of them, and what is known of these.

    The popular ones were read some seconds ago: those that were deleted since, or have expired, leave their places to
    others.
    """
    while True:
        ranking = partial(
            rank,
            learnt,
            candidates.ids,
            candidates.vectors,
            candidates.users,
            known.query.k,
            shape=known.view.shape,
            explore=user.policy.exploration,
            diversity=known.query.diversity,
        )
        picks = ranking() if known.query.k <= INLINE_ITEMS else await asyncio.to_thread(ranking)
        with timing.phase("database"):
            details = await items.details(
                connection, known.query.domain, [candidates.ids[pick.place] for pick in picks]
            )
        gone = [pick.place for pick in picks if candidates.ids[pick.place] not in details]
        if not gone:
            return candidates, picks, details
        candidates = candidates.at(np.setdiff1d(np.arange(len(candidates.ids)), gone))


def _told(pick: Pick, item: Item, explanation: Explanation | None) -> Recommendation:
    return Recommendation(
        item_id=item.item_id,
        score=round(pick.score, DIGITS),
        source=pick.source,
        text=item.text,
        category=item.category,
        attributes=item.attributes,
        explanation=explanation,
    )


def _explanations(
    resources: Resources, learnt: Learnt, candidates: Sampled, picks: Sequence[Pick]
) -> Sequence[Explanation]:
    # The topics of all at once: one by one they take twice as long, 4 ms for a hundred.
    topics = item_topics(resources.profile, candidates.vectors[[pick.place for pick in picks]])
    memory = learnt.memory
    return [
        Explanation(
            because=[
                Because(
                    event_id=memory.event_ids[n],
                    item_id=memory.item_ids[n],
                    share=round(share, DIGITS),
                    relation=relation,
                )
                for n, share, relation in pick.because(NAMED)
            ],
            topics=own,
        )
        for pick, own in zip(picks, topics, strict=True)
    ]
