"""Rate limits, counted in this process with the library `limits`, and told as in the IETF's draft.

https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
"""

import math
from collections.abc import Mapping
from functools import lru_cache

from limits import RateLimitItem, parse_many
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from service.access.problems import RateLimited
from service.problems import FieldError, InvalidRequest

POLICY, STATE = "RateLimit-Policy", "RateLimit"

_HOW_TO_WRITE = "must be a number of requests and a time, such as 600/minute or 10/second"
_JUST_AFTER_S = 1e-3


@lru_cache(maxsize=256)
def parse_rate(written: str) -> RateLimitItem:
    """`600/minute`, `10/second`, `5000/2 hours`.

    Raises:
        ValueError: anything else; the message says how to write one.
    """
    try:
        (rate,) = parse_many(written)
    except ValueError:
        raise ValueError(_HOW_TO_WRITE) from None
    if rate.amount < 1 or rate.get_expiry() < 1:
        raise ValueError(_HOW_TO_WRITE)
    return rate


class Quota:
    """What the caller of one request may still do. Without a rate, everything."""

    def __init__(self, rates: "Rates", caller: str, policy: str, rate: RateLimitItem | None) -> None:
        self._rates = rates
        self._caller = caller
        self._policy = policy
        self._rate = rate
        self._charged = 0

    async def charge(self, requests: int) -> None:
        """Count the request as so many more, all or none of them.

        Raises:
            RateLimited: they are too many at this time.
            InvalidRequest: they are too many at any time.
        """
        if self._rate is None or requests < 1:
            return
        total = self._charged + requests
        if total > self._rate.amount:
            raise _too_many(total, self._rate)
        if not await self._rates.limiter.hit(self._rate, self._caller, cost=requests):
            raise RateLimited(retry_after=math.ceil(await self._wait(self._rate, total)))
        self._charged = total

    async def headers(self) -> Mapping[str, str]:
        """The fields that tell the policy and what is left under it; none without a rate."""
        if self._rate is None:
            return {}
        before, before_left, now, now_left = await self._counts(self._rate)
        amount, window = self._rate.amount, self._rate.get_expiry()
        used = math.floor(before * before_left / window + now)
        more_in = wait_seconds(before, before_left, now, now_left, window=window, room=used) if used else window
        return {
            POLICY: f'"{self._policy}";q={amount};w={window}',
            # The time until there is more again; the library's own would be 0 at the beginning of a window.
            STATE: f'"{self._policy}";r={max(0, amount - used)};t={min(window, math.ceil(more_in))}',
        }

    async def _wait(self, rate: RateLimitItem, requests: int) -> float:
        return wait_seconds(*await self._counts(rate), window=rate.get_expiry(), room=rate.amount - requests + 1)

    async def _counts(self, rate: RateLimitItem) -> tuple[int, float, int, float]:
        return await self._rates.storage.get_sliding_window(rate.key_for(self._caller), rate.get_expiry())


def _too_many(requests: int, rate: RateLimitItem) -> InvalidRequest:
    most = f"{rate.amount} in {rate.get_expiry()} seconds"
    field = FieldError(
        field="requests",
        message=f"are {requests}, and the rate limit is {most}; a batch counts as the requests in it",
        remedy=f"send at most {rate.amount} at a time",
    )
    return InvalidRequest(errors=[field])


class Rates:
    """The counts of this process. Callers are keys that exist, so that their number is bounded.

    A sliding window of two counters for each caller: requests of the window before count by the share of it that still
    lies within the last window's length, as if they had been spread evenly. It is as large for ten requests a second
    as for a million a day.

    Args:
        default: for keys without a rate of their own; None for no limit.
    """

    def __init__(self, default: str | None) -> None:
        self._default = None if default is None else parse_rate(default)
        self.storage = MemoryStorage()
        self.limiter = SlidingWindowCounterRateLimiter(self.storage)

    def quota(self, caller: str, own: str | None = None) -> Quota:
        """The quota of a caller, by its own rate or else the default one."""
        if own is None:
            return Quota(self, caller, "default", self._default)
        return Quota(self, caller, "key", parse_rate(own))


def wait_seconds(before: int, before_left: float, now: int, now_left: float, *, window: float, room: float) -> float:
    """How long until the weighted count falls below `room`, if nothing is added meanwhile.

    The weighted count is before · before_left / window + now, where before_left falls with time; when the window ends,
    `now` takes the place of `before`.

    Args:
        before: requests in the window before this one.
        before_left: seconds until they no longer count.
        now: requests in this window.
        now_left: seconds until those no longer count, which is this window's rest and one more window.
        window: seconds.
        room: what the weighted count has to be below.
    """
    if now < room:
        surplus = before * before_left / window + now - room
        return 0.0 if surplus < 0 else surplus * window / before + _JUST_AFTER_S
    return max(0.0, now_left - window * room / now) + _JUST_AFTER_S
