"""Spans as a collector gets them from a real service, and the ids that lead from them to the logs."""

import asyncio
import time
from contextvars import Context, copy_context
from pathlib import Path
from uuid import uuid4

import pytest
from opentelemetry import trace
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import TracerProvider

import service
from service.encoder.stats import Run
from service.settings import Settings
from service.telemetry.tracing import FLUSH_TIMEOUT_S, Tracing, traces_endpoint
from tests.conftest import data_folder, serving
from tests.telemetry.collector import attributes_of, collecting
from tests.telemetry.conftest import Observed, request

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
PHASES = {"encoder queue", "tokenize", "encode", "detect", "database"}


def new_trace() -> str:
    return uuid4().hex


def children(spans: list[Span], parent: Span) -> list[Span]:
    return [span for span in spans if span.parent_span_id == parent.span_id]


def server_span(observed: Observed, trace_id: str) -> Span:
    """The span of the one request of that trace."""
    (span,) = observed.collector.wait_for(
        lambda span: span.trace_id.hex() == trace_id and span.kind == Span.SPAN_KIND_SERVER
    )
    return span


def headers(trace_id: str, *, sampled: bool = True) -> dict[str, str]:
    return {"traceparent": f"00-{trace_id}-{CALLER}-{'01' if sampled else '00'}"}


def test_a_request_continues_its_callers_trace_and_shows_its_phases(observed: Observed) -> None:
    trace_id = new_trace()
    body = request("traced", ["a text that nobody has sent before", "and another one"])
    answer = observed.client.post("/detect", json=body, headers=headers(trace_id))
    span = server_span(observed, trace_id)
    assert span.name == "POST /detect"
    assert span.parent_span_id.hex() == CALLER
    told = attributes_of(span)
    assert told == {
        "http.request.method": "POST",
        "url.scheme": "http",
        "http.route": "/detect",
        "http.response.status_code": 200,
        "swerve.request_id": answer.headers["X-Request-Id"],
    }
    below = children(observed.collector.spans, span)
    assert {each.name for each in below} == PHASES | {"encoder batch"}
    assert all(each.trace_id == span.trace_id for each in below)
    assert all(
        span.start_time_unix_nano <= each.start_time_unix_nano <= each.end_time_unix_nano <= span.end_time_unix_nano
        for each in below
        if each.name != "encoder batch"  # may end after a request that needs nothing more of it
    )
    (batch,) = (each for each in below if each.name == "encoder batch")
    assert attributes_of(batch)["swerve.batch.texts"] == 2
    assert attributes_of(batch)["swerve.batch.tokens"] > 2
    databases = [each for each in below if each.name == "database"]
    assert all(attributes_of(each)["db.system.name"] == "postgresql" for each in databases)
    assert all(each.kind == Span.SPAN_KIND_CLIENT for each in databases)


def test_the_log_has_the_same_ids(observed: Observed) -> None:
    trace_id = new_trace()
    answer = observed.client.get(
        "/users/nobody/interest", headers=headers(trace_id) | {"X-Request-Id": f"r-{trace_id}"}
    )
    assert answer.status_code == 404
    span = server_span(observed, trace_id)
    line = observed.line(request_id=f"r-{trace_id}")
    assert (line["trace_id"], line["span_id"]) == (trace_id, span.span_id.hex())
    assert attributes_of(span)["swerve.request_id"] == answer.headers["X-Request-Id"] == f"r-{trace_id}"
    assert span.name == "GET /users/{user_id}/interest"
    assert span.status.code == span.status.STATUS_CODE_UNSET  # a client's error is none of the server's


def test_a_trace_that_its_caller_does_not_sample_is_not_sent(observed: Observed) -> None:
    silent, loud = new_trace(), new_trace()
    observed.client.get("/users/nobody/interest", headers=headers(silent, sampled=False))
    line = observed.line(trace_id=silent)  # still there to find the request by
    assert line["route"] == "/users/{user_id}/interest"
    observed.client.get("/users/nobody/interest", headers=headers(loud))
    server_span(observed, loud)
    assert silent not in {span.trace_id.hex() for span in observed.collector.spans}


def test_a_broken_traceparent_begins_a_new_trace(observed: Observed) -> None:
    request_id = uuid4().hex
    observed.client.get("/users/nobody/interest", headers={"traceparent": "00-xyz-1-01", "X-Request-Id": request_id})
    line = observed.line(request_id=request_id)
    span = server_span(observed, line["trace_id"])
    assert span.parent_span_id == b""


def test_probes_and_scrapes_leave_no_spans(observed: Observed) -> None:
    trace_id = new_trace()
    for path in ("/livez", "/readyz", "/metrics", "/model"):
        observed.client.get(path, headers=headers(trace_id))
    marker = new_trace()
    observed.client.get("/users/nobody/interest", headers=headers(marker))
    server_span(observed, marker)
    assert trace_id not in {span.trace_id.hex() for span in observed.collector.spans}


def test_nothing_of_a_user_is_sent(observed: Observed) -> None:
    trace_id = new_trace()
    secrets = [f"user-{trace_id}", f"words {trace_id}", f"event-{trace_id}"]
    body = request(secrets[0], [secrets[1]])
    body["behaviors"][0]["event_id"] = secrets[2]
    observed.client.post("/detect", json=body, headers=headers(trace_id)).raise_for_status()
    last = new_trace()
    observed.client.get(f"/users/{secrets[0]}/history?cursor={secrets[2]}", headers=headers(last))
    server_span(observed, last)
    sent = b"".join(observed.collector.bodies)
    assert bytes.fromhex(trace_id) in sent
    for secret in secrets:
        assert secret.encode() not in sent


def test_the_sender_says_who_it_is(observed: Observed) -> None:
    observed.collector.wait_for(lambda _: True)
    told = observed.collector.resources[0]
    assert told["service.name"] == "swerve"
    assert told["service.version"] == service.__version__
    assert told["deployment.environment.name"] == "test"  # OpenTelemetry's own variables are read


def test_what_is_left_is_sent_when_the_service_stops(model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "3600000")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "renamed")
    with collecting() as collector, data_folder() as folder, serving(folder, model_dir) as start:
        server = start(otlp_traces_endpoint=f"{collector.url}/v1/traces")
        server.client.get("/users/nobody/interest", headers=headers(TRACE))
        assert collector.spans == []
        assert server.stop() == 0
        assert [span.trace_id.hex() for span in collector.spans] == [TRACE]
        assert collector.resources[0]["service.name"] == "renamed"


@pytest.mark.anyio
async def test_a_batch_is_below_its_oldest_request_and_linked_to_the_others() -> None:
    with collecting() as collector:
        tracing = Tracing(Settings(otlp_endpoint=f"{collector.url}/"))
        async with tracing.running():
            scope = {"type": "http", "method": "POST", "headers": []}
            spans, callers = [], list[Context]()
            for _ in range(3):
                span = tracing.begin(scope)
                assert span is not None
                callers += [copy_context(), copy_context()]  # a request with many texts calls more than once
                span.end("/detect", 200, request_id="r", problem=None, timings=None)
                spans.append(span)
            tracing.ran(Run(7, 50, 60, 0.25, time.perf_counter(), [*callers, Context()]))
            tracing.ran(Run(1, 5, 5, 0.01, time.perf_counter(), [Context()]))  # a canary: nobody's
        (batch,) = (span for span in collector.spans if span.name == "encoder batch")
        assert batch.parent_span_id.hex() == spans[0].ids["span_id"]
        assert [link.span_id.hex() for link in batch.links] == [span.ids["span_id"] for span in spans[1:]]
        assert attributes_of(batch) == {
            "swerve.batch.texts": 7,
            "swerve.batch.tokens": 50,
            "swerve.batch.padding_tokens": 10,
        }
        assert batch.end_time_unix_nano - batch.start_time_unix_nano == pytest.approx(0.25e9, rel=1e-3)


@pytest.mark.anyio
async def test_a_collector_that_is_away_holds_nobody_up() -> None:
    """The port is closed: spans are given up when the service stops, and the stop ends."""
    tracing = Tracing(Settings(otlp_endpoint="http://127.0.0.1:1"))
    async with asyncio.timeout(FLUSH_TIMEOUT_S * 4):
        async with tracing.running():
            span = tracing.begin({"type": "http", "method": "GET", "headers": []})
            assert span is not None
            span.end("/detect", 500, request_id="r", problem="internal_error", timings=None)
    assert tracing.begin({"type": "http", "method": "GET", "headers": []}) is None


@pytest.mark.anyio
async def test_without_an_endpoint_there_are_no_spans_and_no_provider() -> None:
    tracing = Tracing(Settings())
    async with tracing.running():
        assert tracing.begin({"type": "http", "method": "GET", "headers": []}) is None
    assert not isinstance(trace.get_tracer_provider(), TracerProvider)


def test_the_more_precise_endpoint_goes_before_the_other() -> None:
    assert traces_endpoint(Settings(otlp_endpoint="http://a:4318/")) == "http://a:4318/v1/traces"
    both = Settings(otlp_endpoint="http://a", otlp_traces_endpoint="http://b/x")
    assert traces_endpoint(both) == "http://b/x"
