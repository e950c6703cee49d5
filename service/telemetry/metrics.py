"""The service's own metrics, one registry for each app. Names and labels are a contract: see docs/observability.md.

What the encoder, the database and the readiness probe count anyway is read when somebody asks, by
`service.telemetry.collectors`; here is what must be counted as it happens. No label holds anything of a user's.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal, get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
)

import service
from service.deliveries.sender import Kind
from service.encoder.stats import Run
from service.policy.ranking import Source
from service.timing import Phase, Timings

REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Bounds that OpenTelemetry's semantic conventions give for the duration of a request."""
PHASE_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
BATCH_TEXTS = tuple(2.0**n for n in range(12))
BATCH_TOKENS = tuple(2.0**n for n in range(3, 16))

Outcome = Literal["changed", "unchanged", "warming_up", "uncalibrated", "nothing_new", "not_stored"]
"""What became of one request about one user; `not_stored` is one with `persist: false`, whatever it said."""
BehaviorResult = Literal["accepted", "late", "duplicate", "rejected"]

ItemsResult = Literal["encoded", "copied", "failed"]
"""What became of an item's text that waited; `copied` is one whose vector another item had already."""
COUNTS = ("popularity", "successors")
"""What is counted of all users beside the requests."""

ATTEMPT_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0)

USUAL_REFUSALS = ("encoder_saturated", "too_many_requests", "database_unavailable", "not_ready")
"""Reasons that are there from the start, so that a rate over them is 0 and not nothing."""


class Metrics:
    """What is counted as it happens.

    Attributes:
        registry: of this app alone.
        database_wait: seconds for which a request waited for its turn at the database.
        webhook_lag: seconds for which the oldest delivery has waited.
        stream_listeners: clients of the stream.
        items_waiting: items of all domains that wait to be encoded for this model, when it was looked last.
        items_failed: those that the model failed on.
    """

    def __init__(self) -> None:
        # When a series began would be told as a series of its own, which doubles their number.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        Info("swerve_build", "The version that runs.", registry=self.registry).info({"version": service.__version__})
        self._request_seconds = self._histogram(
            "http_server_request_duration_seconds",
            "Time from a request's first byte to its answer's last.",
            REQUEST_SECONDS,
            "http_request_method",
            "http_route",
            "http_response_status_code",
        )
        self._active = Gauge(
            "http_server_active_requests",
            "Requests under way now.",
            ["http_request_method"],
            registry=self.registry,
        )
        self._phases: dict[Phase, Histogram] = {
            "queue": self._histogram(
                "swerve_queue_wait_seconds", "How long a request's texts waited for the encoder.", PHASE_SECONDS
            ),
            "detect": self._histogram("swerve_detect_seconds", "Time a request spent in the detector.", PHASE_SECONDS),
            "database": self._histogram(
                "swerve_database_seconds",
                "Time a request spent at the database, waiting for its turn included.",
                PHASE_SECONDS,
            ),
        }
        self.database_wait = self._histogram(
            "swerve_database_wait_seconds", "How long a request waited for its turn at the database.", PHASE_SECONDS
        )
        self._encode_seconds = self._histogram(
            "swerve_encode_seconds", "Time of one run of the model, on one batch.", PHASE_SECONDS
        )
        self._batch_texts = self._histogram("swerve_batch_texts", "Texts in one batch.", BATCH_TEXTS)
        self._batch_tokens = self._histogram(
            "swerve_batch_tokens", "Tokens in one batch, padding included.", BATCH_TOKENS
        )
        self._decisions = self._counter(
            "swerve_decisions_total", "Answers about a user, by what was decided.", "outcome", get_args(Outcome)
        )
        self._behaviors = self._counter(
            "swerve_behaviors_total", "Behaviours sent to be stored.", "result", get_args(BehaviorResult)
        )
        self._refusals = self._counter(
            "swerve_refusals_total", "Answers that tell the client to come back later.", "reason", USUAL_REFUSALS
        )
        self._deliveries = self._counter(
            "swerve_webhook_attempts_total", "Attempts to deliver a webhook.", "outcome", get_args(Kind)
        )
        self._delivery_seconds = self._histogram(
            "swerve_webhook_attempt_seconds", "How long an attempt to deliver a webhook took.", ATTEMPT_SECONDS
        )
        self.webhook_lag = self._gauge(
            "swerve_webhook_oldest_seconds", "Age of the oldest delivery that an enabled webhook waits for."
        )
        self.stream_listeners = self._gauge("swerve_stream_listeners", "Clients that listen to the stream now.")
        self._stream_cut = self._counter(
            "swerve_stream_cut_total", "Listeners of the stream that were cut off.", "reason", ("slow", "key")
        )

        self.items_waiting = self._gauge(
            "swerve_catalogue_items_waiting", "Items of all domains that wait to be encoded for this model."
        )
        self.items_failed = self._gauge(
            "swerve_catalogue_items_failed", "Items of all domains whose text this model fails on."
        )
        self._items = self._counter(
            "swerve_catalogue_items_total",
            "Items that waited for a vector, by how they fared on this replica.",
            "result",
            get_args(ItemsResult),
        )
        self._recommended = self._counter(
            "swerve_recommended_items_total",
            "Items recommended, by what speaks most for them.",
            "source",
            get_args(Source),
        )
        self._counted = Gauge(
            "swerve_last_count_timestamp_seconds",
            "When what all users did was counted last, in Unix time; 0 where that is not known.",
            ["what"],
            registry=self.registry,
        )
        for what in COUNTS:
            self._counted.labels(what)

    def begun(self, method: str) -> None:
        """A request has begun."""
        self._active.labels(method).inc()

    def ended(
        self, method: str, route: str | None, status: int, seconds: float, exemplar: dict[str, str] | None = None
    ) -> None:
        """A request that was `begun` has ended.

        Args:
            method: as given to `begun`.
            route: its template; None is told as an empty label, which to Prometheus is none.
            status: of the answer.
            seconds: that it took.
            exemplar: the trace that shows what such a request did.
        """
        self._active.labels(method).dec()
        self._request_seconds.labels(method, route or "", status).observe(seconds, exemplar)

    def spent(self, timings: Timings) -> None:
        """Where a request's time went; phases that it did not come to are not counted."""
        for phase, histogram in self._phases.items():
            seconds = timings.seconds[phase]
            if seconds > 0:
                histogram.observe(seconds)

    def ran(self, run: Run) -> None:
        """The model ran. Called in the encoder's thread."""
        self._encode_seconds.observe(run.seconds)
        self._batch_texts.observe(run.texts)
        self._batch_tokens.observe(run.padded_tokens)

    def decided(self, outcome: Outcome) -> None:
        """A request about one user was answered."""
        self._decisions.labels(outcome).inc()

    def took_in(self, result: BehaviorResult, behaviors: int) -> None:
        """So many behaviours of a request fared alike."""
        self._behaviors.labels(result).inc(behaviors)

    def refused(self, reason: str) -> None:
        """A request was told to come back later."""
        self._refusals.labels(reason).inc()

    def attempted(self, outcome: Kind, seconds: float) -> None:
        """An attempt to deliver a webhook came to something."""
        self._deliveries.labels(outcome).inc()
        self._delivery_seconds.observe(seconds)

    def cut(self, reason: str) -> None:
        """A listener of the stream was cut off."""
        self._stream_cut.labels(reason).inc()

    def treated(self, result: ItemsResult, items: int) -> None:
        """So many items that waited for a vector fared alike."""
        self._items.labels(result).inc(items)

    def recommended(self, sources: Iterable[Source]) -> None:
        """A request was answered with items of these sources."""
        for source in sources:
            self._recommended.labels(source).inc()

    def counted(self, what: str, when: datetime) -> None:
        """What all users did was counted last then, by whichever replica."""
        self._counted.labels(what).set(when.timestamp())

    def _gauge(self, name: str, help_text: str) -> Gauge:
        return Gauge(name, help_text, registry=self.registry)

    def _histogram(self, name: str, help_text: str, bounds: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(name, help_text, labels, buckets=bounds, registry=self.registry)

    def _counter(self, name: str, help_text: str, label: str, values: tuple[str, ...]) -> Counter:
        """A counter by one label, whose usual values are there from the start."""
        counter = Counter(name, help_text, [label], registry=self.registry)
        for value in values:
            counter.labels(value)
        return counter
