"""A real receiver of webhooks, in threads of its own, that does to each request what it is told to."""

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from standardwebhooks import Webhook

WAIT_S = 30.0
"""How long anything is waited for."""


@dataclass(frozen=True)
class Got:
    """A request as it came."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def verified(self, secret: str) -> Any:
        """The body, by the independent library; raises where the signature is not of that secret, or too old."""
        return Webhook(secret).verify(self.body, dict(self.headers))


Plan = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Reads a request and does what is planned for it."""

    protocol_version = "HTTP/1.1"
    receiver: "Receiver"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        plan = self.receiver.note(Got(self.path, headers, body))
        with suppress(OSError):  # who sent it may have given up
            plan(self)

    def do_GET(self) -> None:
        self.receiver.note(Got(self.path, {}, b""))
        answer(200)(self)

    def log_message(self, *_: object) -> None:
        pass


class Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        pass  # such as a TLS handshake that the other side broke off


@dataclass
class Receiver:
    """What came, and what is done to what comes next; by default it is taken."""

    url: str = ""
    port: int = 0
    plans: "SimpleQueue[Plan]" = field(default_factory=SimpleQueue)
    got: list[Got] = field(default_factory=list)
    usually: Plan = field(default_factory=lambda: answer(204))
    stopping: threading.Event = field(default_factory=threading.Event)
    _news: threading.Condition = field(default_factory=threading.Condition)

    def then(self, *plans: Plan) -> None:
        """Do these to the next requests, one each."""
        for plan in plans:
            self.plans.put(plan)

    def note(self, got: Got) -> Plan:
        with self._news:
            self.got.append(got)
            self._news.notify_all()
        try:
            return self.plans.get_nowait()
        except Empty:
            return self.usually

    def await_requests(self, count: int) -> list[Got]:
        """The requests so far, at least so many."""
        with self._news:
            assert self._news.wait_for(lambda: len(self.got) >= count, WAIT_S), f"{len(self.got)} of {count}"
            return list(self.got)


def answer(status: int, body: bytes = b"", **headers: str) -> Plan:
    def plan(handler: Handler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return plan


def hang(handler: Handler) -> None:
    """Say nothing until the receiver stops."""
    handler.receiver.stopping.wait(WAIT_S)
    handler.close_connection = True


def drip(handler: Handler) -> None:
    """Begin an answer, a byte at a time, and never come to its end."""
    for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 10_000:
        handler.wfile.write(bytes([byte]))
        handler.wfile.flush()
        if handler.receiver.stopping.wait(0.05):
            break
    handler.close_connection = True


def hang_up(handler: Handler) -> None:
    """Close the connection in the midst of the answer's head."""
    handler.wfile.write(b"HTTP/1.1 200 O")
    handler.wfile.flush()
    handler.close_connection = True


def endless(handler: Handler) -> None:
    """Take the message, and go on answering for ever."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not handler.receiver.stopping.is_set():
        handler.wfile.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
    handler.close_connection = True


@contextmanager
def receiving(certificate: Path | None = None) -> Iterator[Receiver]:
    """A receiver on a free port of this machine; over TLS with a certificate and its key in one file."""
    receiver = Receiver()
    handler = type("Bound", (Handler,), {"receiver": receiver})
    with Quiet(("127.0.0.1", 0), handler) as server:
        scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
            scheme = "https"
        receiver.port = server.server_address[1]
        receiver.url = f"{scheme}://127.0.0.1:{receiver.port}/hook"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            receiver.stopping.set()
            server.shutdown()
            thread.join(WAIT_S)
