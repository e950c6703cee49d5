"""Metrics that are read when somebody asks, from what other parts count anyway: nothing is added to their work."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.pool import QueuePool

from service.encoder.stats import EncoderStats
from service.problems import Check
from service.resources import Resources

ENCODER_COUNTERS: dict[str, tuple[str, Callable[[EncoderStats], float]]] = {
    "swerve_encoder_texts_total": ("Texts run through the model.", lambda stats: stats.texts_encoded),
    "swerve_encoder_cache_hits_total": ("Texts answered from the cache.", lambda stats: stats.cache_hits),
    "swerve_encoder_cache_misses_total": ("Texts that were new to the cache.", lambda stats: stats.cache_misses),
    "swerve_encoder_joined_texts_total": (
        "Texts answered by the work for an identical text already under way.",
        lambda stats: stats.joined,
    ),
    "swerve_encoder_dropped_texts_total": (
        "Texts not encoded, because everybody who wanted them was gone.",
        lambda stats: stats.dropped,
    ),
    "swerve_truncated_inputs_total": ("Texts longer than the model reads.", lambda stats: stats.truncated),
    "swerve_encoder_tokens_total": ("Tokens run through the model, padding excluded.", lambda stats: stats.tokens),
    "swerve_encoder_padding_tokens_total": (
        "Padding run through the model.",
        lambda stats: stats.padded_tokens - stats.tokens,
    ),
    "swerve_encoder_busy_seconds_total": ("Time in which the model ran.", lambda stats: stats.busy_seconds),
    "swerve_encoder_tokenize_seconds_total": (
        "Time in which texts were made into tokens.",
        lambda stats: stats.tokenize_seconds,
    ),
}

ENCODER_GAUGES: dict[str, tuple[str, Callable[[EncoderStats], float]]] = {
    "swerve_encoder_cached_texts": ("Texts whose vectors are in the cache.", lambda stats: stats.cached),
    "swerve_encoder_admitted_texts": ("Texts admitted to the encoder now.", lambda stats: stats.admitted),
    "swerve_encoder_pending_texts": ("Distinct texts that somebody waits for now.", lambda stats: stats.pending),
}


class ResourcesCollector(Collector):
    """The encoder, the database, the limits and the last verdict on readiness, as they are when asked.

    Args:
        resources: of the app.
        checks: what the readiness probe found last.
    """

    def __init__(self, resources: Resources, checks: Callable[[], list[Check]]) -> None:
        self._resources = resources
        self._checks = checks

    def collect(self) -> Iterator[Metric]:
        """All of it. May be called in any thread."""
        yield self._model()
        yield from self._encoder()
        yield from self._database()
        yield from self._readiness()
        settings = self._resources.settings
        yield _gauge("swerve_max_requests", "Requests that may be under way at a time.", settings.max_requests)

    def _model(self) -> Metric:
        info, profile = self._resources.encoder.info, self._resources.profile
        labels = {
            "id": info.id,
            "digest": info.digest,
            "precision": info.precision,
            "provider": info.provider,
            "profile": profile.id if profile else "",
        }
        return InfoMetricFamily("swerve_model", "What is loaded; profile is empty where none fits.", value=labels)

    def _encoder(self) -> Iterator[Metric]:
        stats = self._resources.encoder.stats
        for name, (help_text, read) in ENCODER_COUNTERS.items():
            yield CounterMetricFamily(name, help_text, value=read(stats))
        for name, (help_text, read) in ENCODER_GAUGES.items():
            yield _gauge(name, help_text, read(stats))
        capacity = self._resources.settings.encoder_capacity_texts
        yield _gauge("swerve_encoder_capacity_texts", "Texts that may be admitted to the encoder at a time.", capacity)

    def _database(self) -> Iterator[Metric]:
        pool, turns = self._resources.engine.pool, self._resources.turns
        if isinstance(pool, QueuePool):
            yield _gauge("swerve_database_pool_size", "Connections to Postgres at most.", pool.size())
            yield _gauge(
                "swerve_database_connections_in_use",
                "Connections in use now, by requests and in the background.",
                pool.checkedout(),
            )
        yield _gauge("swerve_database_turns_in_use", "Requests that have their turn at the database now.", turns.taken)
        yield _gauge("swerve_database_turns_waiting", "Requests that wait for their turn now.", turns.waiting)

    def _readiness(self) -> Iterator[Metric]:
        checks = self._checks()
        ready = bool(checks) and all(check.ok for check in checks) and not self._resources.draining
        yield _gauge("swerve_ready", "1 where /readyz says 200.", ready)
        family = GaugeMetricFamily("swerve_readiness_check", "1 where the check was right.", labels=["check"])
        for check in checks:
            family.add_metric([check.name], float(check.ok))
        yield family


@contextmanager
def collecting(registry: CollectorRegistry, collector: Collector) -> Iterator[None]:
    """Have the registry ask this collector, too, as long as the context is open."""
    registry.register(collector)
    try:
        yield
    finally:
        registry.unregister(collector)


def _gauge(name: str, help_text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, help_text, value=float(value))
