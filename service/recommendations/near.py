"""What is near to the questions, asked on two connections where nobody else wants the second."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from service import timing
from service.connected import connected
from service.database.engine import is_away
from service.items import repository as items
from service.recommendations.repository import Catalogue
from service.resources import Resources
from service.vectors import Vectors


@dataclass(frozen=True, slots=True)
class Search:
    """How the catalogue is searched.

    Attributes:
        catalogue: that is.
        per_query: items that are wanted near to each question.
        ef_search: see `service.items.repository.nearest`.
        left_out: items that are not wanted.
    """

    catalogue: Catalogue
    per_query: int
    ef_search: int
    left_out: tuple[str, ...] = ()


async def near(
    resources: Resources, connection: AsyncConnection, questions: Vectors, search: Search
) -> tuple[list[str], Vectors]:
    """Items near to the questions (n, dim), those of the first question first, and their vectors.

    One process of Postgres searches for one statement, which is most of the time of a recommendation. So two search
    where this request is alone at the database, as far as its replica knows: one that is not would take the time from
    others. Then an item may come twice. While users move between keys, all is read on the one connection, whose
    transaction sees one moment.
    """
    catalogue = search.catalogue
    ask = partial(
        items.nearest,
        domain=catalogue.domain,
        space=catalogue.space,
        dim=catalogue.dim,
        per_query=search.per_query,
        category=catalogue.category,
        exclude=search.left_out,
        ef_search=search.ef_search,
    )
    async with AsyncExitStack() as stack:
        another = await _another(resources, stack) if len(questions) > 1 else None
        if another is None:
            with timing.phase("database"):
                found = await ask(connection, queries=questions)
            return found.ids, found.vectors
        half = (len(questions) + 1) // 2
        with timing.phase("database"):
            # Neither connection is given back before both have ended, whatever becomes of them.
            both = await asyncio.gather(
                ask(connection, queries=questions[:half]),
                ask(another, queries=questions[half:]),
                return_exceptions=True,
            )
    for one in both:
        if isinstance(one, BaseException):
            raise one
    first, second = (one for one in both if not isinstance(one, BaseException))
    return [*first.ids, *second.ids], np.concatenate([first.vectors, second.vectors])


async def _another(resources: Resources, stack: AsyncExitStack) -> AsyncConnection | None:
    """A second connection until the stack is closed; None where there is none to be had, as one is enough."""
    if not _is_alone(resources):
        return None
    try:
        return await stack.enter_async_context(connected(resources))
    except Exception as error:
        if is_away(error):
            return None
        raise


def _is_alone(resources: Resources) -> bool:
    """Whether this request is the only one at the database, and there is a turn besides its own."""
    turns, rotating = resources.turns, bool(resources.other_user_key_secrets)
    return not rotating and turns.taken == 1 and not turns.waiting and not turns.locked()
