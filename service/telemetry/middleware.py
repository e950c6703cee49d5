"""One look at every request: counted, traced and logged from the same figures, so that the three agree."""

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from service.middleware import PROBES, STREAMS
from service.problems import InternalError, Problem
from service.telemetry.metrics import Metrics
from service.telemetry.routes import method_of, route_of
from service.telemetry.tracing import RequestSpan, Tracing
from service.timing import Timings

CLIENT_GONE = 499
"""Status of a request that nothing was answered to, as nginx tells it."""

_log = logging.getLogger(__name__)
_access = logging.getLogger("service.access")


class TelemetryMiddleware:
    """Counts, traces and logs each request, and answers an unexpected exception with a problem.

    To be put within the middleware that gives ids, and around all others: what they refuse is seen, too.

    Args:
        app: what to watch.
        metrics: where to count.
        tracing: where spans come from.
    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics, tracing: Tracing) -> None:
        self._app = app
        self._metrics = metrics
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request, or pass on what is none."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        method, request_id = method_of(scope), str(scope.get("state", {}).get("request_id", "-"))
        status: int | None = None
        answered: float | None = None

        async def send_noted(message: Message) -> None:
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status = message["status"]
                answered = time.perf_counter() - began
            await send(message)

        self._metrics.begun(method)
        span = None if scope["path"] in PROBES | STREAMS else self._tracing.begin(scope)
        with bound_contextvars(request_id=request_id, **(span.ids if span else {})):
            try:
                await self._app(scope, receive, send_noted)
            except Exception:
                _log.exception("a request failed")
                if status is not None:
                    raise  # too late for another answer: the server breaks the connection off
                await InternalError(request_id=request_id).response()(scope, receive, send_noted)
            finally:
                # Of a stream, how long it took to begin: how long somebody listens says nothing of the service.
                if answered is None or scope["path"] not in STREAMS:
                    answered = time.perf_counter() - began
                self._end(scope, span, method, CLIENT_GONE if status is None else status, answered)

    def _end(self, scope: Scope, span: RequestSpan | None, method: str, status: int, seconds: float) -> None:
        state = scope.get("state", {})
        route = route_of(scope)
        problem: Problem | None = state.get("problem")
        timings: Timings | None = state.get("timings")
        exemplar = {"trace_id": span.ids["trace_id"]} if span is not None and span.sampled else None
        self._metrics.ended(method, route, status, seconds, exemplar)
        if timings is not None:
            self._metrics.spent(timings)
        if problem is not None and problem.retries:
            self._metrics.refused(problem.reason)
        if span is not None:
            span.end(
                route,
                status,
                request_id=str(state.get("request_id", "-")),
                problem=problem.reason if problem else None,
                timings=timings,
            )
        level = _level(scope["path"], status)
        if _access.isEnabledFor(level):
            told = {"method": method, "route": route, "status": status, "duration_s": round(seconds, 6)}
            _access.log(level, "request", extra=told | ({"problem": problem.reason} if problem else {}))


def _level(path: str, status: int) -> int:
    """Probes come every few seconds and say nothing new; a fault of ours is worth a look."""
    if path in PROBES:
        return logging.DEBUG
    return logging.WARNING if status >= 500 else logging.INFO
