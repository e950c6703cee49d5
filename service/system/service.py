"""Whether the service can really serve."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict

from sqlalchemy import select

from service.database import migrate
from service.database.engine import is_away
from service.encoder.contract import EncoderSaturatedError
from service.problems import Check, NotReady
from service.resources import Resources
from service.system.schemas import LoadedModel, Readiness

HEALTHY_FOR_S = 5.0
CHECK_TIMEOUT_S = 10.0
GLANCE_S = 1.0


class ReadinessProbe:
    """Checks the model with a real forward pass, the database and its schema.

    A good verdict holds for some seconds, so that frequent probes cost nothing; a bad one is never kept. Checks asked
    for at the same time are made once.

    Args:
        resources: what to check.
        clock: seconds, monotonic.
    """

    def __init__(self, resources: Resources, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._resources = resources
        self._clock = clock
        self._lock = asyncio.Lock()
        self._checks: list[Check] = []
        self._healthy_until = float("-inf")
        self._glance: asyncio.Task[None] | None = None

    @property
    def found(self) -> list[Check]:
        """Every check as it was made last; empty before the first time."""
        return self._checks

    async def glance(self, patience: float = GLANCE_S) -> None:
        """Have `found` renewed if it is old, without waiting for longer than that many seconds.

        A check that hangs goes on meanwhile: who asks for metrics must get them most when something hangs.
        """
        if self._glance is None or self._glance.done():
            self._glance = asyncio.create_task(self._check_quietly())
        await asyncio.wait({self._glance}, timeout=patience)

    async def _check_quietly(self) -> None:
        with contextlib.suppress(NotReady):
            await self.check()

    async def check(self) -> Readiness:
        """What was found right.

        Raises:
            NotReady: with every check.
        """
        if self._resources.draining:
            raise NotReady(
                "The service is stopping. Send requests to another replica.",
                checks=[Check(name="running", ok=False, detail="stopping")],
            )
        async with self._lock:
            if self._clock() >= self._healthy_until:
                await self._renew()
        return Readiness(checks=self._checks)

    def doubt(self) -> None:
        """Forget the last good verdict: a request has just met what it rules out."""
        self._healthy_until = float("-inf")

    async def _renew(self) -> None:
        model, database = await asyncio.gather(
            _judged("model", self._check_model), _judged("database", self._check_database)
        )
        checks = [model, database]
        if database.ok:
            checks.append(await _judged("migrations", self._check_migrations))
        self._checks = checks
        if not all(check.ok for check in checks):
            self._healthy_until = float("-inf")
            raise NotReady(checks=checks)
        self._healthy_until = self._clock() + HEALTHY_FOR_S

    async def _check_model(self) -> str | None:
        try:
            right = await self._resources.encoder.canary()
        except EncoderSaturatedError:
            return None  # busy is not broken: its callers are told to wait, and the work is being done
        return None if right else "the model does not encode as it did when it was exported"

    async def _check_database(self) -> str | None:
        async with self._resources.read_sessions() as session:
            await session.execute(select(1))
        return None

    async def _check_migrations(self) -> str | None:
        at, head = await migrate.current(self._resources.engine), migrate.head()
        return None if at == head else f"the schema is at {at or 'nothing'} instead of {head}; run `swerve migrate`"


async def _judged(name: str, check: Callable[[], Awaitable[str | None]]) -> Check:
    """Run a check that returns what is wrong. It must not take the probe down with it, whatever it raises."""
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            wrong = await check()
    except TimeoutError:
        wrong = f"no answer within {CHECK_TIMEOUT_S:g} s"
    except Exception as error:  # noqa: BLE001 - a probe reports failures of any kind
        wrong = "cannot be reached" if is_away(error) else f"failed: {type(error).__name__}"
    return Check(name=name, ok=wrong is None, detail=wrong)


def describe_model(resources: Resources) -> LoadedModel:
    """What is loaded."""
    profile = resources.profile
    return LoadedModel(**asdict(resources.encoder.info), profile=profile.id if profile else None)
