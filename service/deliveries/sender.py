"""Sends one message over HTTP, to a checked address, and says what came of it.

Redirects are not followed, proxies of the environment are not used, and of an answer no more is read than says whether
the message was taken.
"""

import asyncio
import contextlib
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Literal

import httpcore
import httpx

import service
from service.deliveries.addresses import AddressError, Resolve, allowed_addresses, read_url, resolve

TIMEOUT_S = 15.0
"""From the name's resolution to the answer's headers: receivers are to answer first and work later."""
CONNECT_S = 5.0
"""For one of a receiver's addresses, so that another can be tried."""
MAX_READ = 16_384
"""Bytes of an answer's body that are read, only so that the connection can be used again."""
READ_S = 1.0
KEEP_S = 30.0
"""How long a connection that is not used is kept."""
MAX_CONNECTIONS = 200
GONE = 410
BUSY = frozenset({429, 503})
"""Statuses whose `Retry-After` is heeded."""

_FAILURES = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException)
"""What the library raises where there is no whole answer."""

Kind = Literal[
    "delivered", "refused", "gone", "busy", "redirected", "timeout", "unreachable", "tls", "forbidden", "unreadable"
]
"""What an attempt came to; `forbidden`: the address may not be sent to; `unreadable`: what to send cannot be read."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attempt.

    Attributes:
        kind: see `Kind`.
        seconds: that it took.
        status: of the answer; None without one.
        error: in words, for who manages the webhook; None when it was delivered.
        retry_after: seconds that the receiver asked for.
    """

    kind: Kind
    seconds: float = 0.0
    status: int | None = None
    error: str | None = None
    retry_after: float | None = None

    @property
    def delivered(self) -> bool:
        """Whether the receiver took the message."""
        return self.kind == "delivered"


class CheckedNetwork(httpcore.AsyncNetworkBackend):
    """Connects to the very addresses that were checked. The server's name stays the one of the URL, for TLS and Host.

    Args:
        allow_private: whether every address will do.
        resolve_host: finds addresses.
    """

    def __init__(self, *, allow_private: bool, resolve_host: Resolve = resolve) -> None:
        self._allow_private = allow_private
        self._resolve = resolve_host
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - of the interface
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address that takes the connection.

        Raises:
            AddressError: one of the addresses may not be sent to.
            httpcore.ConnectError: or ConnectTimeout, of the last address.
        """
        addresses = await allowed_addresses(host, port, allow_private=self._allow_private, resolve_host=self._resolve)
        for address in addresses[:-1]:
            with contextlib.suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
        return await self._network.connect_tcp(addresses[-1], port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        """Wait, as the pool asks for between its own tries."""
        await asyncio.sleep(seconds)


class Sender:
    """Sends messages. To be closed.

    Args:
        allow_private: whether receivers may be inside the network.
        allow_http: whether receivers may do without TLS.
        ca_file: certificates (PEM) of authorities beside the usual ones.
        resolve_host: finds the addresses of receivers.
        timeout_s: of an attempt as a whole.
    """

    def __init__(
        self,
        *,
        allow_private: bool = False,
        allow_http: bool = False,
        ca_file: Path | None = None,
        resolve_host: Resolve = resolve,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        context = httpcore.default_ssl_context()
        if ca_file is not None:
            context.load_verify_locations(ca_file)
        self._allow_http, self._allow_private, self._resolve = allow_http, allow_private, resolve_host
        self._timeout_s = timeout_s
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=MAX_CONNECTIONS,
            keepalive_expiry=KEEP_S,
            network_backend=CheckedNetwork(allow_private=allow_private, resolve_host=resolve_host),
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.aclose()

    async def check(self, written: str) -> str:
        """The address of a receiver, as it is kept, if messages may be sent there now.

        Raises:
            AddressError: they may not; the message is for who wrote it.
        """
        url = read_url(written, allow_http=self._allow_http)
        port = url.port or (443 if url.scheme == "https" else 80)
        await allowed_addresses(
            url.raw_host.decode("ascii"), port, allow_private=self._allow_private, resolve_host=self._resolve
        )
        return str(url)

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        """Post a message. Whatever goes wrong is an outcome, not an exception."""
        began = time.perf_counter()
        try:
            target = read_url(url, allow_http=self._allow_http)  # what is allowed may have changed since
            async with asyncio.timeout(self._timeout_s):
                outcome = await self._post(target, headers, body)
        except (AddressError, TimeoutError, *_FAILURES) as error:
            outcome = _failed(error, self._timeout_s)
        return replace(outcome, seconds=time.perf_counter() - began)

    async def _post(self, target: httpx.URL, headers: Mapping[str, str], body: bytes) -> Outcome:
        sent = {
            "host": target.netloc.decode("ascii"),
            "content-type": "application/json",
            "user-agent": f"swerve/{service.__version__}",
            "content-length": str(len(body)),
            **headers,
        }
        url = httpcore.URL(scheme=target.raw_scheme, host=target.raw_host, port=target.port, target=target.raw_path)
        limits = {"connect": CONNECT_S, "read": self._timeout_s, "write": self._timeout_s, "pool": self._timeout_s}
        async with self._pool.stream(
            "POST", url, headers=list(sent.items()), content=body, extensions={"timeout": limits}
        ) as answer:
            outcome = _answered(answer)
            await _read_some(answer)
            return outcome


async def _read_some(answer: httpcore.Response) -> None:
    """Read a short body, so that the connection can be used again; of a long or slow one, no more."""
    read = 0
    with contextlib.suppress(TimeoutError, *_FAILURES):
        async with asyncio.timeout(READ_S):
            async for part in answer.aiter_stream():
                read += len(part)
                if read > MAX_READ:
                    return


def _answered(answer: httpcore.Response) -> Outcome:
    status = answer.status
    if 200 <= status < 300:
        return Outcome("delivered", status=status)
    if 300 <= status < 400:
        error = f"answered {status}: redirects are not followed; register the address that it leads to"
        return Outcome("redirected", status=status, error=error)
    if status == GONE:
        return Outcome("gone", status=status, error="answered 410: it wants no more messages")
    if status in BUSY:
        return Outcome("busy", status=status, error=f"answered {status}", retry_after=_retry_after(answer))
    return Outcome("refused", status=status, error=f"answered {status}")


def _retry_after(answer: httpcore.Response) -> float | None:
    """Seconds that `Retry-After` asks for, given as such or as a time; None where it does not."""
    for name, value in answer.headers:
        if name.lower() == b"retry-after":
            written = value.decode("latin-1").strip()
            if written.isascii() and written.isdigit():
                return float(written[:12])
            try:
                until = parsedate_to_datetime(written)
            except ValueError:
                return None
            if until.tzinfo is None:
                until = until.replace(tzinfo=UTC)
            return max(0.0, (until - datetime.now(UTC)).total_seconds())
    return None


def _failed(error: Exception, timeout_s: float) -> Outcome:
    """The outcome of an attempt that was not answered."""
    if isinstance(error, AddressError):
        return Outcome("forbidden", error=f"its address {error}")
    if isinstance(error, TimeoutError | httpcore.TimeoutException):
        return Outcome("timeout", error=f"did not answer within {timeout_s:g} s")
    if (refused := _tls_error(error)) is not None:
        return Outcome("tls", error=f"TLS failed: {refused}")
    if isinstance(error, httpcore.ConnectError):
        return Outcome("unreachable", error="no connection could be made")
    return Outcome("unreachable", error="closed the connection without a whole answer")


def _tls_error(error: BaseException) -> str | None:
    """Why TLS failed, in the library's words; None where it did not."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return cause.verify_message
        if isinstance(cause, ssl.SSLError):
            return (cause.reason or "handshake").lower().replace("_", " ")
        cause = cause.__cause__ or cause.__context__
    return None
