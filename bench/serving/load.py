"""A load generator in a process of its own, so that its work does not delay what it measures more than it must.

A closed loop has so many connections, each of which sends its next request when it has its last answer: it finds the
throughput. An open loop sends at fixed times whatever becomes of the answers, as independent users do: it finds what
overload does, and a latency counts from when the request was due, not from when there was time to send it.
"""

import asyncio
import itertools
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

import aiohttp
import numpy as np
from numpy.typing import NDArray

NO_ANSWER = 0
"""Status of a request that missed its deadline, or whose connection broke."""
DEADLINE_S = 30.0
_JSON = MappingProxyType({"content-type": "application/json"})


@dataclass(frozen=True, slots=True)
class Request:
    """One request, ready to be sent.

    Attributes:
        path: of the URL.
        body: JSON in one line; empty for a GET.
    """

    path: str
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Job:
    """What to send and how.

    Attributes:
        url: of the server.
        requests: file of requests, written by `Load.run`.
        connections: of a closed loop; of an open one, the most at once, 0 for no limit.
        seconds: how long to send; a closed loop ends earlier where it runs out of requests.
        rate: requests a second of an open loop, which begins anew where it runs out of requests; None closes the loop.
        deadline: seconds after which the client gives up.
    """

    url: str
    requests: str
    connections: int
    seconds: float
    rate: float | None
    deadline: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the requests, in the order in which they were due.

    Attributes:
        due: (n,) seconds after the beginning at which each was due; of a closed loop, at which it was sent.
        lag: (n,) seconds from then until it was sent.
        latency: (n,) seconds from when it was due to the last byte of its answer, or to giving up.
        status: (n,) of the answer, or NO_ANSWER.
        retry_after: of each answer, the header; empty without.
        server_timing: of each answer, the header; empty without.
        elapsed: seconds from the first request to the last answer.
        cpu: share of one core that the generator itself took.
    """

    due: NDArray[np.float64]
    lag: NDArray[np.float64]
    latency: NDArray[np.float64]
    status: NDArray[np.int64]
    retry_after: tuple[str, ...]
    server_timing: tuple[str, ...]
    elapsed: float
    cpu: float

    @classmethod
    def parse(cls, line: str) -> "Outcome":
        """From what the generator's process writes."""
        told = json.loads(line)
        rows = told["rows"]
        columns = list(zip(*rows, strict=True)) if rows else [()] * 6
        due, lag, latency = (np.asarray(column, np.float64) for column in columns[:3])
        status = np.asarray(columns[3], np.int64)
        retry_after, server_timing = (tuple(map(str, column)) for column in columns[4:])
        return cls(due, lag, latency, status, retry_after, server_timing, told["elapsed"], told["cpu"])

    @property
    def good(self) -> NDArray[np.bool_]:
        """(n,) which were answered with 200 within the deadline."""
        return np.asarray(self.status == 200)

    @property
    def goodput(self) -> float:
        """Good answers a second."""
        return float(self.good.sum()) / self.elapsed if self.elapsed else 0.0

    def goodput_by_second(self, seconds: float) -> list[int]:
        """Good answers that came in each whole second of the sending."""
        done = (self.due + self.latency)[self.good]
        edges = np.arange(int(seconds) + 1)
        return [int(count) for count in np.histogram(done, edges)[0]]

    def statuses(self) -> dict[str, int]:
        """How many answers had each status."""
        values, counts = np.unique(self.status, return_counts=True)
        return {str(value): int(count) for value, count in zip(values, counts, strict=True)}


def quantiles_ms(seconds: NDArray[np.float64]) -> dict[str, float] | None:
    """p50, p95 and p99 in milliseconds; None of nothing."""
    if not len(seconds):
        return None
    values = np.quantile(seconds, (0.5, 0.95, 0.99)) * 1000
    return {name: round(float(value), 3) for name, value in zip(("p50", "p95", "p99"), values, strict=True)}


class LoadError(Exception):
    """The generator ended; the message holds its last lines."""


class Load:
    """A generator that waits for jobs.

    Args:
        process: that runs this module.
        folder: for files of requests.
        log: where its standard error goes.
    """

    def __init__(self, process: subprocess.Popen[str], folder: Path, log: Path) -> None:
        self._process = process
        self._folder = folder
        self._log = log

    def closed(
        self,
        url: str,
        requests: Iterable[Request],
        *,
        connections: int,
        seconds: float = 60.0,
        deadline: float = DEADLINE_S,
    ) -> Outcome:
        """Send requests over so many connections, each one when the last has its answer.

        Raises:
            LoadError: the generator ended.
        """
        return self._run(Job(url, self._written(requests), connections, seconds, None, deadline))

    def open(
        self, url: str, requests: Iterable[Request], *, rate: float, seconds: float, deadline: float = DEADLINE_S
    ) -> Outcome:
        """Send so many requests a second.

        Raises:
            LoadError: the generator ended.
        """
        return self._run(Job(url, self._written(requests), 0, seconds, rate, deadline))

    def _written(self, requests: Iterable[Request]) -> str:
        path = self._folder / "requests"
        with path.open("wb") as file:
            file.writelines(request.path.encode() + b"\t" + request.body + b"\n" for request in requests)
        return str(path)

    def _run(self, job: Job) -> Outcome:
        _stream(self._process.stdin).write(json.dumps(asdict(job)) + "\n")
        _stream(self._process.stdin).flush()
        told = _stream(self._process.stdout).readline().strip()
        if not told:
            self._process.wait(10)
            raise LoadError(self._log.read_text(encoding="utf-8", errors="replace").strip()[-2000:])
        return Outcome.parse(Path(told).read_text(encoding="utf-8"))


@contextmanager
def generator() -> Iterator[Load]:
    """Start a generator, and end it with the block."""
    with tempfile.TemporaryDirectory(prefix="swerve-load-") as folder:
        log = Path(folder) / "log"
        with (
            log.open("w") as errors,
            subprocess.Popen(
                [sys.executable, "-m", "bench.serving.load"],
                cwd=Path(__file__).parents[2],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            ) as process,
        ):
            try:
                yield Load(process, Path(folder), log)
            finally:
                _stream(process.stdin).close()  # the end of its input ends it


def _stream(stream: IO[str] | None) -> IO[str]:
    if stream is None:
        raise LoadError("the generator was started without pipes")
    return stream


Row = tuple[float, float, float, int, str, str]
"""Due, lag, latency, status, Retry-After, Server-Timing."""


async def perform(job: Job, requests: Sequence[Request]) -> dict[str, Any]:
    """Do a job; what `Outcome.parse` reads, as an object."""
    connector = aiohttp.TCPConnector(limit=job.connections, keepalive_timeout=60)
    timeout = aiohttp.ClientTimeout(total=job.deadline)
    async with aiohttp.ClientSession(job.url, connector=connector, timeout=timeout) as session:
        cpu, began = _cpu_seconds(), time.perf_counter()
        sender = _Sender(session, began)
        if job.rate is None:
            rows = await _closed_loop(sender, requests, job)
        else:
            rows = await _open_loop(sender, requests, job.seconds, job.rate)
        elapsed = max(time.perf_counter() - began, 1e-9)
        return {"rows": rows, "elapsed": elapsed, "cpu": (_cpu_seconds() - cpu) / elapsed}


class _Sender:
    """Sends over one session, by one clock.

    Args:
        session: with its connections and its deadline.
        began: when the clock showed 0.
    """

    def __init__(self, session: aiohttp.ClientSession, began: float) -> None:
        self._session = session
        self._began = began

    def now(self) -> float:
        """Seconds since the beginning."""
        return time.perf_counter() - self._began

    async def send(self, request: Request, due: float) -> Row:
        """Send one request and read its answer to the end."""
        lag = self.now() - due
        try:
            async with self._session.request(
                "POST" if request.body else "GET", request.path, data=request.body or None, headers=_JSON
            ) as answer:
                await answer.read()
                headers, status = answer.headers, answer.status
        except (aiohttp.ClientError, TimeoutError):
            return due, lag, self.now() - due, NO_ANSWER, "", ""
        told = headers.get("Retry-After", ""), headers.get("Server-Timing", "")
        return due, lag, self.now() - due, status, *told


async def _closed_loop(sender: _Sender, requests: Sequence[Request], job: Job) -> list[Row]:
    waiting = iter(requests)

    async def connection() -> list[Row]:
        rows = []
        for request in waiting:
            due = sender.now()
            if due >= job.seconds:
                break
            rows.append(await sender.send(request, due))
        return rows

    parts = await asyncio.gather(*(connection() for _ in range(job.connections)))
    return sorted(itertools.chain.from_iterable(parts))


async def _open_loop(sender: _Sender, requests: Sequence[Request], seconds: float, rate: float) -> list[Row]:
    sent = []
    for number in range(int(seconds * rate)):
        due = number / rate
        if (early := due - sender.now()) > 0:
            await asyncio.sleep(early)
        sent.append(asyncio.create_task(sender.send(requests[number % len(requests)], due)))
    return list(await asyncio.gather(*sent))


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _read(path: Path) -> list[Request]:
    parts = (line.rstrip(b"\n").partition(b"\t") for line in path.open("rb"))
    return [Request(where.decode(), body) for where, _, body in parts]


def main() -> None:
    """Jobs come in and the paths of their outcomes go out, one line each, until the input ends.

    The outcomes are files: the loop may leave its standard output non-blocking, and large writes to it are cut short.
    """
    import uvloop  # noqa: PLC0415 - not on every platform, and only this process needs it

    for line in sys.stdin:
        job = Job(**json.loads(line))
        requests = _read(Path(job.requests))
        told = uvloop.run(perform(job, requests))
        outcome = Path(job.requests).with_name("outcome.json")
        outcome.write_text(json.dumps(told), encoding="utf-8")
        print(outcome, flush=True)


if __name__ == "__main__":
    main()
