"""Decides on each request: is there a key, is it valid, is it enough, and is its rate limit not used up."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.datastructures import Headers

from service.access.keyring import Keyring
from service.access.keys import Key, Keys, Presented, read_key
from service.access.local import is_local
from service.access.problems import KeyNeeded, LocalOnly, ScopeMissing
from service.access.rates import Quota, Rates
from service.access.scopes import Need, allows

NOT_VALID = (
    "The API key is not valid. Check that it was copied whole; a new one works within some seconds. The service's "
    "operator makes one with `swerve keys create`."
)
MALFORMED = "The Authorization header must be sent once, as `Bearer` and an API key: `Bearer swerve_...`."
EVERYBODY = "local"
"""Whom requests without a key count for."""


@dataclass(frozen=True, slots=True)
class Admission:
    """A request that was let in: by which key, None where none is needed, and what it may still do."""

    key: Key | None
    quota: Quota


class Guard:
    """Lets requests in.

    Without a single key in the database, and on a loopback address only, everything is open to this machine. A key
    that was revoked or has expired still counts there: what was closed once is not opened by losing the last key.

    Args:
        keyring: the keys.
        rates: the counts of requests.
        loopback: whether the service listens on a loopback address.
        now: the time of day.
    """

    def __init__(
        self,
        keyring: Keyring,
        rates: Rates,
        *,
        loopback: bool,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._keyring = keyring
        self._rates = rates
        self._loopback = loopback
        self._now = now

    async def admit(self, headers: Headers, need: Need) -> Admission:
        """Let a request in that needs something. What it costs is not counted yet.

        Raises:
            KeyNeeded: it has no valid key.
            ScopeMissing: its key is not enough.
            LocalOnly: there are no keys, and it is not from this machine.
        """
        keys = await self._keyring.current()
        if self._loopback and not keys:
            if not is_local(headers):
                raise LocalOnly
            return Admission(None, self._rates.quota(EVERYBODY))
        key = await self._valid_key(keys, _presented(headers))
        if not allows(key.scopes, need):
            raise ScopeMissing.of(need, key.scopes)
        return Admission(key, self._rates.quota(key.key_id, key.rate_limit))

    async def has_live_key(self) -> bool:
        """Whether anybody could be let in by a key."""
        return (await self._keyring.current()).any_live(self._now())

    async def _valid_key(self, keys: Keys, presented: Presented) -> Key:
        # For a wrong secret as for an unknown id: which of both it was must not be told, by the time that it takes
        # either.
        key = keys.find(presented) or (await self._keyring.after_refusal()).find(presented)
        if key is None:
            raise KeyNeeded(NOT_VALID, error="invalid_token")
        dead = key.why_dead(self._now())
        if dead is not None:  # told to none but its holder
            verb = "was revoked" if dead == "revoked" else "has expired"
            raise KeyNeeded(f"This API key {verb}. `swerve keys create` makes another.", error="invalid_token")
        return key


def _presented(headers: Headers) -> Presented:
    sent = headers.getlist("authorization")
    if not sent:
        raise KeyNeeded
    scheme, _, written = sent[0].partition(" ")
    presented = read_key(written.strip(" ")) if scheme.lower() == "bearer" else None
    if len(sent) > 1 or presented is None:
        raise KeyNeeded(MALFORMED, error="invalid_token" if scheme.lower() == "bearer" else "")
    return presented
