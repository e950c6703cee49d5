"""Rate limits: what is counted, what is told, and when it is worth trying again."""

import re
from types import SimpleNamespace
from typing import Any

import httpx
import limits.aio.storage.memory
import limits.aio.strategies
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.access.problems import RateLimited
from service.access.rates import Rates, parse_rate, wait_seconds
from service.problems import InvalidRequest
from tests.access.conftest import Access, Open

pytestmark = pytest.mark.anyio

POLICY = re.compile(r'"(default|key)";q=([1-9][0-9]*);w=([1-9][0-9]*)')
STATE = re.compile(r'"(default|key)";r=([0-9]+);t=([0-9]+)')
"""The structured fields (RFC 9651) that the draft has: an item that is a string, with integer parameters."""


class Now:
    """The time of day that rates are counted by, at the beginning of a window."""

    def __init__(self) -> None:
        self.seconds = 1_800_000_000.0

    def time(self) -> float:
        return self.seconds


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Now:
    clock = Now()
    for module in (limits.aio.storage.memory, limits.aio.strategies):
        monkeypatch.setattr(module, "time", SimpleNamespace(time=clock.time))
    return clock


def told(answer: httpx.Response) -> tuple[tuple[str, int, int], tuple[str, int, int]]:
    """The two fields, read strictly."""
    found = POLICY.fullmatch(answer.headers["RateLimit-Policy"]), STATE.fullmatch(answer.headers["RateLimit"])
    assert found[0] is not None
    assert found[1] is not None
    return (found[0][1], int(found[0][2]), int(found[0][3])), (found[1][1], int(found[1][2]), int(found[1][3]))


def limited(answer: httpx.Response) -> int:
    """A 429 as it has to be; after how long to try again."""
    assert answer.status_code == 429
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "/problems/rate-limited"
    return int(answer.headers["Retry-After"])


async def test_every_answer_tells_what_is_left_and_the_last_one_when_to_come_back(open_access: Open, now: Now) -> None:
    access = await open_access(rate_limit="3/minute")
    key = await access.make("read")
    for left, path in ((2, "/model"), (1, "/users/nobody/interest"), (0, "/users/nobody/history?limit=x")):
        policy, state = told(await access.ask(key, "GET", path))
        assert policy == ("default", 3, 60)
        assert state[:2] == ("default", left)
        assert 0 < state[2] <= 60
    answer = await access.ask(key)
    wait = limited(answer)
    assert told(answer)[1][1] == 0
    now.seconds += wait - 1
    limited(await access.ask(key))
    now.seconds += 1
    assert (await access.ask(key)).status_code == 200


@pytest.mark.usefixtures("now")
async def test_each_key_counts_for_itself_and_its_own_limit_goes_first(open_access: Open) -> None:
    access = await open_access(rate_limit="2/minute")
    one, other, own = await access.make("read"), await access.make("read"), await access.make("read", rate="5/hour")
    for _ in range(2):
        assert (await access.ask(one)).status_code == 200
    limited(await access.ask(one))
    assert told(await access.ask(other)) == (("default", 2, 60), ("default", 1, 60))
    assert told(await access.ask(own)) == (("key", 5, 3600), ("key", 4, 3600))


async def test_without_a_limit_nothing_is_told(access: Access) -> None:
    key, own = await access.make("read"), await access.make("read", rate="5/hour")
    answer = await access.ask(key)
    assert not {"RateLimit", "RateLimit-Policy"} & set(answer.headers)
    assert told(await access.ask(own))[0] == ("key", 5, 3600)


@pytest.mark.usefixtures("now")
async def test_public_paths_and_strangers_are_not_counted(open_access: Open) -> None:
    access = await open_access(rate_limit="1/minute")
    key = await access.make("read")
    for path in ("/livez", "/readyz", "/model", "/openapi.json"):
        answer = await access.ask(None, "GET", path)
        assert "RateLimit" not in answer.headers
    assert (await access.ask(key)).status_code == 200
    limited(await access.ask(key))
    assert (await access.ask(key, "GET", "/livez")).status_code == 200


@pytest.mark.usefixtures("now")
async def test_without_keys_all_count_together(open_access: Open) -> None:
    access = await open_access(rate_limit="1/minute")
    assert told(await access.ask(None))[1][1] == 0
    limited(await access.ask("anything"))


@pytest.mark.usefixtures("now")
async def test_what_is_refused_is_not_read(open_access: Open) -> None:
    access = await open_access(rate_limit="1/minute")
    key = await access.make("ingest")
    assert (await access.ask(key, "POST", "/encode", json={"texts": ["a"]})).status_code == 200
    read: list[bytes] = []

    async def body() -> Any:
        read.append(b"{}")
        yield read[-1]

    limited(await access.ask(key, "POST", "/encode", content=body()))
    assert read == []


def batch(n: int) -> dict[str, Any]:
    behavior = {"text": "shoes", "occurred_at": "2025-01-05T10:00:00Z"}
    return {"requests": [{"user_id": f"u{i}", "behaviors": [behavior]} for i in range(n)]}


async def test_a_batch_counts_as_the_requests_in_it(open_access: Open, now: Now) -> None:
    access = await open_access(rate_limit="10/minute")
    key = await access.make("ingest", "read")

    async def post(n: int) -> httpx.Response:
        return await access.ask(key, "POST", "/detect/batch", json=batch(n))

    answer = await post(6)
    assert answer.status_code == 200
    assert told(answer)[1][1] == 4
    # One of the five is counted before the batch is read, and is not given back.
    answer = await post(5)
    wait = limited(answer)
    assert told(answer)[1][1] == 3
    assert (await access.ask(key, "GET", "/users/u5/interest")).status_code == 200
    # Nothing of a refused batch was stored.
    assert (await access.ask(key, "GET", "/users/u6/interest")).status_code == 404
    now.seconds += wait + 60
    assert (await post(5)).status_code == 200


async def test_a_batch_that_can_never_be_is_told_to_be_split(open_access: Open, now: Now) -> None:
    access = await open_access(rate_limit="3/minute")
    key = await access.make("ingest")
    answer = await access.ask(key, "POST", "/detect/batch", json=batch(4))
    assert answer.status_code == 422  # no Retry-After: waiting would not help
    (error,) = answer.json()["errors"]
    assert error["field"] == "requests"
    assert error["remedy"] == "send at most 3 at a time"
    now.seconds += 120
    assert (await access.ask(key, "POST", "/detect/batch", json=batch(3))).status_code == 200


@pytest.mark.parametrize("hits", [[5], [1, 1, 1, 1, 1], [4, 1], [1, 4]])
@pytest.mark.parametrize("gap", [0.0, 7.0, 31.0, 59.0, 61.0, 89.0])
@pytest.mark.parametrize("cost", [1, 2, 5])
async def test_after_the_time_that_is_told_it_works_and_before_it_does_not(
    now: Now, hits: list[int], gap: float, cost: int
) -> None:
    rates = Rates("5/minute")
    for hit in hits:
        now.seconds += gap
        while True:  # fill it up, waiting for room where there is none
            try:
                await rates.quota("k").charge(hit)
                break
            except RateLimited as problem:
                now.seconds += int(problem.headers["Retry-After"])
    try:
        await rates.quota("k").charge(cost)
    except RateLimited as problem:
        wait = int(problem.headers["Retry-After"])
        now.seconds += wait - 1.01
        if wait > 1:
            with pytest.raises(RateLimited):
                await rates.quota("k").charge(cost)
        now.seconds += 1.01
        await rates.quota("k").charge(cost)


@given(
    before=st.integers(0, 50), now=st.integers(0, 50), room=st.integers(1, 50),
    share=st.floats(0.001, 1.0), window=st.sampled_from([1, 60, 3600]),
)  # fmt: skip
def test_the_wait_is_what_the_formula_gives_step_by_step(
    before: int, now: int, room: int, share: float, window: int
) -> None:
    left = share * window

    def weight(after: float) -> float:
        if after < left:
            return before * (left - after) / window + now
        return now * max(0.0, left + window - after) / window

    wait = wait_seconds(before, left if before else 0.0, now, left + window, window=window, room=room)
    assert weight(wait) < room
    if wait > 0.01:
        assert weight(wait - 0.01) >= room - 1e-6 * 50 or weight(wait - 0.01) > room - 50 * 0.02 / window


async def test_no_limit_is_ever_exceeded_within_a_window_of_even_traffic(now: Now) -> None:
    rates = Rates("10/second")
    accepted = list[float]()
    for _ in range(400):
        now.seconds += 0.01
        try:
            await rates.quota("k").charge(1)
            accepted.append(now.seconds)
        except RateLimited:
            pass
    assert len(accepted) >= 35
    for begin in accepted:
        assert sum(begin <= at < begin + 1 for at in accepted) <= 12  # it is an estimate, as its docstring says


@pytest.mark.usefixtures("now")
async def test_a_quota_of_a_request_counts_up() -> None:
    quota = Rates("3/minute").quota("k")
    await quota.charge(1)
    await quota.charge(0)
    with pytest.raises(InvalidRequest):
        await quota.charge(3)
    await quota.charge(2)
    unlimited = Rates(None).quota("k")
    await unlimited.charge(10**9)
    assert await unlimited.headers() == {}


@pytest.mark.parametrize(
    ("written", "amount", "seconds"),
    [("600/minute", 600, 60), ("10 per second", 10, 1), ("5000/2 hours", 5000, 7200), ("1/day", 1, 86400)],
)
def test_rates_are_written_as_people_do(written: str, amount: int, seconds: int) -> None:
    rate = parse_rate(written)
    assert (rate.amount, rate.get_expiry()) == (amount, seconds)


@pytest.mark.parametrize("written", ["", "many", "600", "0/minute", "-1/minute", "1/minute;2/hour", "1/era"])
def test_what_is_no_rate_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="such as 600/minute"):
        parse_rate(written)
