"""What goes wrong, one thing at a time, and how long it takes until all is well again."""

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

import aiohttp

from bench.faults.system import System
from bench.faults.traffic import NO_ANSWER, Ledger

LOOK_S = 0.02
"""How often is asked whether the service is well again."""
PATIENCE_S = 120.0
"""After that it will not be any more."""


class NotRecoveredError(Exception):
    """The service did not come back in time."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong.

    Attributes:
        title: what it is, in words.
        harm: does it, and returns when it is done.
        mend: what an operator's supervisor does about it; the rest is the service's own to do.
        orderly: the service goes on answering for a while, so that the outage begins with the first request that
            finds nobody.
    """

    title: str
    harm: Callable[[System], object]
    mend: Callable[[System], object]
    orderly: bool = False


def _kill_both(system: System) -> None:
    system.kill()  # first, or it would begin to mend
    system.kill_postgres()


FAULTS: MappingProxyType[str, Fault] = MappingProxyType(
    {
        "service": Fault("the service killed, and started", System.kill, System.start),
        "postgres": Fault("Postgres killed, all its processes", System.kill_postgres, lambda _: None),
        "both": Fault("both killed, and the service started", _kill_both, System.start),
        "stop": Fault(
            "the service told to stop, and started", lambda it: it.end(signal.SIGTERM), System.start, orderly=True
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Happened:
    """A fault that was gone through.

    Attributes:
        kind: of `FAULTS`.
        at: second at which the outage began.
        answered: second of the first acknowledgement of a request that was sent after the harm was done.
        ready: second at which `/readyz` said 200, asked for after that acknowledgement.
    """

    kind: str
    at: float
    answered: float
    ready: float


async def go_through(kind: str, system: System, ledger: Ledger, session: aiohttp.ClientSession) -> Happened:
    """Let a fault happen, and wait until requests are acknowledged and `/readyz` is green again.

    Raises:
        NotRecoveredError: they are not.
    """
    fault, seen, before = FAULTS[kind], len(ledger.attempts), ledger.now()
    try:
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.to_thread(fault.harm, system)
            after = ledger.now()
            await asyncio.to_thread(fault.mend, system)
            # Looked at again and again, as an operator would: nothing in here knows of it beforehand.
            while (answered := _acknowledged(ledger, seen, after)) is None:  # noqa: ASYNC110
                await asyncio.sleep(LOOK_S)
            while not await _ready(session):  # noqa: ASYNC110
                await asyncio.sleep(LOOK_S)
    except TimeoutError as error:
        raise NotRecoveredError(f"not well {PATIENCE_S:g} s after {fault.title}: {system.told()[-2000:]}") from error
    at = _unanswered(ledger, seen, default=after) if fault.orderly else before
    return Happened(kind, at, answered, ledger.now())


def _acknowledged(ledger: Ledger, seen: int, since: float) -> float | None:
    """When the first request that was sent after that second was acknowledged; None as long as none is."""
    good = (a.sent + a.took for a in ledger.attempts[seen:] if a.status == 200 and a.sent > since)
    return min(good, default=None)


def _unanswered(ledger: Ledger, seen: int, *, default: float) -> float:
    """When the first request was sent that nobody answered."""
    return min((a.sent for a in ledger.attempts[seen:] if a.status == NO_ANSWER), default=default)


async def _ready(session: aiohttp.ClientSession) -> bool:
    try:
        async with session.get("/readyz") as answer:
            return answer.status == 200
    except (aiohttp.ClientError, ConnectionError, TimeoutError):
        return False
