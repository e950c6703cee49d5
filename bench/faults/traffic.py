"""Clients that do what the contract asks of clients: they send each request again until it is acknowledged.

Each client has users of its own, whose requests so have one order; and all clients share some users, whose requests
meet. Every request and every answer goes into a ledger, by which it is afterwards told whether anything was lost or
counted twice.
"""

import asyncio
import itertools
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import aiohttp
import orjson

NO_ANSWER = 0
"""Status of a request whose connection broke, or was refused."""
PATIENCE_S = 30.0
"""Seconds after which a client no longer believes in an answer."""
AGAIN_S = 0.05
"""Seconds after which a client knocks again at a door where nobody is."""
_JSON = MappingProxyType({"content-type": "application/json"})
_BEGAN = datetime(2024, 1, 1, tzinfo=UTC)
_STEP = timedelta(minutes=30)
_SIZES = (1, 3, 1, 2, 5)
"""Behaviours of a request, in turn."""


class UnexpectedAnswerError(Exception):
    """An answer that no fault excuses, such as 500; the message holds it."""


@dataclass(frozen=True, slots=True)
class Sending:
    """One request to `POST /detect`.

    Attributes:
        user: whom it is about.
        events: ids of its behaviours.
        body: as JSON.
    """

    user: str
    events: tuple[str, ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Attempt:
    """One sending of a request.

    Attributes:
        sent: second at which it was sent.
        took: seconds until its answer, or until the connection broke.
        status: of the answer, or NO_ANSWER.
    """

    sent: float
    took: float
    status: int


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A request that was answered with 200 in the end.

    Attributes:
        sending: the request.
        due: second at which it was to be sent.
        done: second at which it was acknowledged.
        accepted: behaviours taken in, as the answer says.
        duplicates: behaviours that were there already, as the answer says.
    """

    sending: Sending
    due: float
    done: float
    accepted: int
    duplicates: int


@dataclass(slots=True)
class Ledger:
    """Everything that was sent and what became of it, on one clock."""

    attempts: list[Attempt] = field(default_factory=list)
    acknowledged: list[Acknowledged] = field(default_factory=list)
    began: float = field(default_factory=time.perf_counter)

    def now(self) -> float:
        """Seconds since the beginning."""
        return time.perf_counter() - self.began

    @property
    def statuses(self) -> Counter[int]:
        """How many attempts had each status."""
        return Counter(attempt.status for attempt in self.attempts)

    def by_user(self) -> Mapping[str, list[Acknowledged]]:
        """What was acknowledged, by user, in the order of acknowledgement."""
        found: dict[str, list[Acknowledged]] = {}
        for one in self.acknowledged:
            found.setdefault(one.sending.user, []).append(one)
        return found


def story(user: str, texts: Sequence[str], name: str = "e") -> Iterator[Sending]:
    """The requests of one user without end: small and larger ones, half an hour between behaviours.

    The interest changes now and then, so that changes are declared.

    Args:
        user: who it is about.
        texts: of the behaviours, in turn: eight of them for a while, then the next eight.
        name: begins every event's id; whoever shares the user has another.
    """
    numbers = itertools.count()
    for size in itertools.cycle(_SIZES):
        chosen = list(itertools.islice(numbers, size))
        behaviors = [
            {
                "event_id": f"{name}{n}",
                "text": texts[(n // 60 * 8 + n % 8) % len(texts)],
                "occurred_at": (_BEGAN + n * _STEP).isoformat(),
            }
            for n in chosen
        ]
        body = orjson.dumps({"user_id": user, "behaviors": behaviors, "options": {"include": []}})
        yield Sending(user, tuple(f"{name}{n}" for n in chosen), body)


@dataclass
class Client:
    """Sends the requests of its users in turn, one at a time, each until it is acknowledged.

    Attributes:
        stories: of its users.
        ledger: to write into.
        rate: requests a second; what is late is sent as soon as possible, and counts from when it was due.
        heeds: whether it waits as long as `Retry-After` says; else it tries again at once.
    """

    stories: Sequence[Iterator[Sending]]
    ledger: Ledger
    rate: float
    heeds: bool = True

    async def run(self, session: aiohttp.ClientSession, stop: asyncio.Event) -> None:
        """Send until told to stop; what was begun is brought to its end.

        Raises:
            UnexpectedAnswerError: an answer that is neither 200 nor 503.
        """
        began = self.ledger.now()
        for number, sendings in enumerate(itertools.cycle(self.stories)):
            due = began + number / self.rate
            if (early := due - self.ledger.now()) > 0:
                await asyncio.sleep(early)
            if stop.is_set():
                return
            await self.deliver(session, next(sendings), due)

    async def deliver(self, session: aiohttp.ClientSession, sending: Sending, due: float) -> None:
        """Send one request until it is acknowledged."""
        while True:
            sent = self.ledger.now()
            status, told, pause = await self._send(session, sending)
            done = self.ledger.now()
            self.ledger.attempts.append(Attempt(sent, done - sent, status))
            if status == 200:
                answer = json.loads(told)
                self.ledger.acknowledged.append(
                    Acknowledged(sending, due, done, answer["accepted"], answer["duplicates"])
                )
                return
            if status not in {NO_ANSWER, 503}:
                raise UnexpectedAnswerError(f"{status}: {told}")
            await asyncio.sleep(pause if self.heeds else AGAIN_S)

    async def _send(self, session: aiohttp.ClientSession, sending: Sending) -> tuple[int, str, float]:
        """Status, text, and how long to wait before the next try."""
        try:
            async with session.post("/detect", data=sending.body, headers=_JSON) as answer:
                told = await answer.text()
                return answer.status, told, float(answer.headers.get("Retry-After", AGAIN_S))
        except (aiohttp.ClientError, TimeoutError, ConnectionError):
            return NO_ANSWER, "", AGAIN_S


def sessions(url: str) -> aiohttp.ClientSession:
    """Connections to a service that may be away."""
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60)
    return aiohttp.ClientSession(url, connector=connector, timeout=aiohttp.ClientTimeout(total=PATIENCE_S))


def crowd(ledger: Ledger, texts: Sequence[str], *, clients: int, users: int, shared: int, rate: float) -> list[Client]:
    """Clients with so many users of their own each, and some users that all of them share.

    Args:
        ledger: to write into.
        texts: of the behaviours.
        clients: how many.
        users: of each client.
        shared: users of all clients together.
        rate: requests a second of each client.
    """
    made = []
    for number in range(clients):
        own = [
            story(f"own-{number}-{n}", [*texts[8 * (number * users + n) % len(texts) :], *texts]) for n in range(users)
        ]
        common = [story(f"shared-{n}", texts, f"c{number}-") for n in range(shared)]
        made.append(Client([*own, *common], ledger, rate))
    return made
