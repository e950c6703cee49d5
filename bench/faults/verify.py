"""The reckoning after all faults: is everything there that was acknowledged, and nothing twice?"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp
import orjson

from bench.faults.traffic import Acknowledged, Ledger

AT_ONCE = 4
"""Users looked at at a time."""
MOST = 500
"""Behaviours sent again in one request."""


@dataclass(frozen=True, slots=True)
class Reckoning:
    """What was found, in behaviours.

    Attributes:
        users: looked at.
        acknowledged: distinct behaviours that were acknowledged.
        held: behaviours that the service says it holds of these users.
        lost: acknowledged, and new to the service when sent again.
        doubled: held beyond those that were acknowledged.
    """

    users: int
    acknowledged: int
    held: int
    lost: int
    doubled: int


async def reckon(session: aiohttp.ClientSession, ledger: Ledger) -> Reckoning:
    """Ask for every user's count, then send every acknowledged behaviour again: each must be a duplicate.

    Only for when every request has been acknowledged: one that was not may be stored or not.

    Raises:
        aiohttp.ClientResponseError: the service refuses to answer.
    """
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(user: str, done: Sequence[Acknowledged]) -> Reckoning:
        async with turns:
            return await _reckon_user(session, user, done)

    found = await asyncio.gather(*(one(user, done) for user, done in ledger.by_user().items()))
    return Reckoning(
        users=len(found),
        acknowledged=sum(one.acknowledged for one in found),
        held=sum(one.held for one in found),
        lost=sum(one.lost for one in found),
        doubled=sum(one.doubled for one in found),
    )


async def _reckon_user(session: aiohttp.ClientSession, user: str, done: Sequence[Acknowledged]) -> Reckoning:
    behaviors = {b["event_id"]: b for one in done for b in orjson.loads(one.sending.body)["behaviors"]}
    async with session.get(f"/users/{user}/interest", raise_for_status=True) as answer:
        held = int((await answer.json())["behaviors"])
    lost = 0
    again = list(behaviors.values())
    for start in range(0, len(again), MOST):
        body = {"user_id": user, "behaviors": again[start : start + MOST], "options": {"include": []}}
        async with session.post("/detect", json=body, raise_for_status=True) as answer:
            told = await answer.json()
        lost += told["accepted"]
    return Reckoning(1, len(behaviors), held, lost, max(0, held - len(behaviors)))
