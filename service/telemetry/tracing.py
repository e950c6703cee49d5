"""Traces by OpenTelemetry's semantic conventions, sent by OTLP over HTTP where an endpoint is set.

Without one there is no tracer, and a request costs a look at an attribute. `url.path` and `url.query`, which the
conventions ask for, are left out: they hold user ids. Nothing of a user's is in a name or an attribute.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from contextvars import Token

from opentelemetry import context as otel_context
from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.semconv.attributes import error_attributes as error
from opentelemetry.semconv.attributes import http_attributes as http
from opentelemetry.semconv.attributes import url_attributes as url
from opentelemetry.trace import Link, SpanContext, SpanKind, StatusCode, Tracer
from starlette.datastructures import Headers
from starlette.types import Scope

import service
from service.encoder.stats import Run
from service.settings import Settings
from service.telemetry.routes import OTHER_METHOD, method_of
from service.timing import Interval, Phase, Timings

TRACES_PATH = "/v1/traces"
FLUSH_TIMEOUT_S = 3.0
"""How long a service that stops waits for a collector that does not answer."""
MAX_LINKS = 64
"""Of a batch to the requests in it."""

SPAN_NAMES: dict[Phase, str] = {
    "queue": "encoder queue",
    "tokenize": "tokenize",
    "encode": "encode",
    "detect": "detect",
    "database": "database",
}
REQUEST_ID = "swerve.request_id"
BATCH_TEXTS = "swerve.batch.texts"
BATCH_TOKENS = "swerve.batch.tokens"
BATCH_PADDING = "swerve.batch.padding_tokens"


class RequestSpan:
    """The server's span of one request, current from its making to its end.

    Attributes:
        ids: trace and span for the logs, in hexadecimal.
        sampled: whether it is sent.
    """

    def __init__(self, tracer: Tracer, scope: Scope) -> None:
        self._tracer = tracer
        self._method = method_of(scope)
        # The two clocks are read together once, so that the phases' times can be told as times of day.
        self._epoch = time.time() - time.perf_counter()
        self._span = tracer.start_span(
            self._method,
            context=propagate.extract(dict(Headers(scope=scope))),
            kind=SpanKind.SERVER,
            attributes={http.HTTP_REQUEST_METHOD: self._method, url.URL_SCHEME: scope.get("scheme", "http")},
        )
        context = self._span.get_span_context()
        self.sampled = context.trace_flags.sampled
        self.ids = {
            "trace_id": trace.format_trace_id(context.trace_id),
            "span_id": trace.format_span_id(context.span_id),
        }
        self._token: Token[Context] = otel_context.attach(trace.set_span_in_context(self._span))

    def end(
        self, route: str | None, status: int, *, request_id: str, problem: str | None, timings: Timings | None
    ) -> None:
        """Name the span after its route, hang its phases below it and end it."""
        if self._span.is_recording():
            self._describe(route, status, request_id, problem)
            if timings is not None:
                self._add_phases(timings.intervals)
        otel_context.detach(self._token)
        self._span.end()

    def _describe(self, route: str | None, status: int, request_id: str, problem: str | None) -> None:
        method = "HTTP" if self._method == OTHER_METHOD else self._method
        self._span.update_name(f"{method} {route}" if route else method)
        self._span.set_attribute(http.HTTP_RESPONSE_STATUS_CODE, status)
        self._span.set_attribute(REQUEST_ID, request_id)
        if route:
            self._span.set_attribute(http.HTTP_ROUTE, route)
        if status >= 500:
            self._span.set_attribute(error.ERROR_TYPE, problem or str(status))
            self._span.set_status(StatusCode.ERROR)

    def _add_phases(self, intervals: Iterable[Interval]) -> None:
        parent = trace.set_span_in_context(self._span)
        for interval in intervals:
            kind = SpanKind.CLIENT if interval.phase == "database" else SpanKind.INTERNAL
            attributes = {"db.system.name": "postgresql"} if interval.phase == "database" else None
            span = self._tracer.start_span(
                SPAN_NAMES[interval.phase],
                context=parent,
                kind=kind,
                attributes=attributes,
                start_time=_nanoseconds(self._epoch + interval.began),
            )
            span.end(_nanoseconds(self._epoch + interval.ended))


class Tracing:
    """Makes spans while it runs and an endpoint is set; else none.

    Each app has a provider of its own: OpenTelemetry's global one is neither used nor set.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tracer: Tracer | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Send spans as long as the context is open; at its end, what is left of them."""
        endpoint = traces_endpoint(self._settings)
        if endpoint is None:
            yield
            return
        exporter = OTLPSpanExporter(endpoint=endpoint)
        provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = provider.get_tracer("swerve", service.__version__)
        try:
            yield
        finally:
            self._tracer = None
            await asyncio.to_thread(_close, provider, exporter)

    def begin(self, scope: Scope) -> RequestSpan | None:
        """The span of a request, of which the client's `traceparent` is the parent; None where none is wanted."""
        return None if self._tracer is None else RequestSpan(self._tracer, scope)

    def ran(self, run: Run) -> None:
        """A span for a run of the model: below the request that waited longest, linked to the others in it.

        Called in the encoder's thread.
        """
        if self._tracer is None:
            return
        parents = {
            span.get_span_context().span_id: span
            for span in (caller.run(trace.get_current_span) for caller in run.callers)
            if _is_sampled(span.get_span_context())
        }
        if not parents:
            return  # a canary, or requests that are not sampled
        oldest, *others = parents.values()
        ended = time.time() - (time.perf_counter() - run.ended)
        span = self._tracer.start_span(
            "encoder batch",
            context=trace.set_span_in_context(oldest, Context()),
            links=[Link(span.get_span_context()) for span in others[:MAX_LINKS]],
            attributes={
                BATCH_TEXTS: run.texts,
                BATCH_TOKENS: run.tokens,
                BATCH_PADDING: run.padded_tokens - run.tokens,
            },
            start_time=_nanoseconds(ended - run.seconds),
        )
        span.end(_nanoseconds(ended))


def traces_endpoint(settings: Settings) -> str | None:
    """Where spans go; None for nowhere."""
    if settings.otlp_traces_endpoint is not None:
        return settings.otlp_traces_endpoint
    base = settings.otlp_endpoint
    return None if base is None else base.rstrip("/") + TRACES_PATH


def _resource() -> Resource:
    """This service, under the name that OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES give, else `swerve`."""
    given = Resource.create({SERVICE_VERSION: service.__version__})
    named = not str(given.attributes.get(SERVICE_NAME, "unknown_service")).startswith("unknown_service")
    return given if named else given.merge(Resource({SERVICE_NAME: "swerve"}))


def _close(provider: TracerProvider, exporter: OTLPSpanExporter) -> None:
    """Send what is left. The provider would try for half a minute, longer than many give a service to stop."""
    give_up = threading.Timer(FLUSH_TIMEOUT_S, exporter.shutdown)
    give_up.start()
    provider.shutdown()
    give_up.cancel()


def _is_sampled(context: SpanContext) -> bool:
    return context.is_valid and context.trace_flags.sampled


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
