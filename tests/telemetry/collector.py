"""A collector of OpenTelemetry's traces: a real little HTTP server that decodes what it is sent."""

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

WAIT_SECONDS = 30


class Collector:
    """What was sent so far.

    Attributes:
        url: base address, as OTEL_EXPORTER_OTLP_ENDPOINT takes it.
        resources: attributes of each sender, one for each request.
        spans: all spans, in the order in which they came.
        bodies: the requests' bytes, decompressed.
    """

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.resources: list[dict[str, Any]] = []
        self.spans: list[Span] = []
        self.bodies: list[bytes] = []

    def take(self, body: bytes) -> None:
        self.bodies.append(body)
        for sent in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.resources.append(attributes_of(sent.resource))
            for scope in sent.scope_spans:
                self.spans.extend(scope.spans)

    def wait_for(self, wanted: Callable[[Span], bool]) -> list[Span]:
        """Spans that fit, once there is one; those of its request come with it or before."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not (found := [span for span in list(self.spans) if wanted(span)]):
            assert time.monotonic() < deadline, f"not among {sorted({span.name for span in self.spans})}"
            time.sleep(0.02)
        return found


def attributes_of(owner: Any) -> dict[str, Any]:
    """Attributes by name, their values as Python has them."""
    return {item.key: getattr(item.value, item.value.WhichOneof("value")) for item in owner.attributes}


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector that listens as long as the context is open."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            assert self.path == "/v1/traces"
            assert self.headers["Content-Type"] == "application/x-protobuf"
            collector.take(body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the base class names it so
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector = Collector(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield collector
    server.shutdown()
    thread.join()
    server.server_close()
