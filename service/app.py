"""Puts the app together. Importing this does nothing; `create_app` builds, and the app's lifespan opens and closes."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.middleware.cors import CORSMiddleware
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

import service
import service.detect.endpoints
import service.encode.endpoints
import service.items.endpoints
import service.mutations.endpoints
import service.populations.endpoints
import service.recommendations.endpoints
import service.system.endpoints
import service.users.endpoints
import service.webhooks.endpoints
from service.access.middleware import AccessMiddleware
from service.access.start import open_guard
from service.database import migrate
from service.database.opening import open_engine
from service.database.sessions import read_sessions, write_sessions
from service.database.turns import Turns
from service.deliveries.renumber_repository import renumber
from service.deliveries.start import delivering, open_sender
from service.detection import detector
from service.detection.profile import Profile
from service.detection.state import StateError
from service.disconnect import DisconnectMiddleware
from service.dp.accounting import AccountingError
from service.dp.privacy import Privacy, make_privacy
from service.encoder import OnnxEncoder
from service.encoder.contract import Encoder
from service.errors import StartError
from service.identity import check_secret, load_other_secrets, load_secret
from service.items.background import encoding
from service.middleware import BodyLimitMiddleware, LoadLimitMiddleware, RequestIdMiddleware, ServerTimingMiddleware
from service.mutations.feed import Feed
from service.openapi import install_openapi
from service.policy import experts, succession
from service.populations.watch import watching
from service.problem_handlers import install_handlers
from service.profiles import profile_for
from service.recommendations import popularity, successors
from service.resources import Resources, detector_params
from service.retention.schedule import scheduled
from service.security_headers import SecurityHeadersMiddleware, install_docs
from service.settings import Settings
from service.system.service import ReadinessProbe
from service.telemetry.collectors import ResourcesCollector, collecting
from service.telemetry.metrics import Metrics
from service.telemetry.middleware import TelemetryMiddleware
from service.telemetry.tracing import Tracing
from service.threads import opened_in_thread
from service.webhooks.document import webhooks
from service.webhooks.service import seal_again

logger = logging.getLogger(__name__)


CORS_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
CORS_REQUEST_HEADERS = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "Last-Event-ID",
    "X-Request-Id",
    "traceparent",
)
CORS_ANSWER_HEADERS = (
    "Idempotency-Replayed",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "Server-Timing",
    "WWW-Authenticate",
    "X-Request-Id",
)
"""What web pages of other origins may use, where the settings allow any."""


def create_app(settings: Settings, *, encoder: Encoder | None = None, engine: AsyncEngine | None = None) -> FastAPI:
    """The app, not yet started: nothing is opened before its lifespan is entered.

    Args:
        settings: see `service.settings`.
        encoder: used instead of the one in the settings' model folder; the caller closes it.
        engine: used instead of one on the settings' database; the caller disposes of it.
    """
    metrics, tracing = Metrics(), Tracing(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with (
            tracing.running(),
            open_resources(settings, encoder=encoder, engine=engine, metrics=metrics) as resources,
            open_guard(resources) as guard,
            open_sender(settings) as sender,
        ):
            app.state.resources = resources
            app.state.guard = guard
            app.state.sender = sender
            app.state.feed = Feed(resources, max_listeners=settings.max_streams)
            app.state.readiness = ReadinessProbe(resources)
            collector = ResourcesCollector(resources, lambda: app.state.readiness.found)
            with (
                collecting(metrics.registry, collector),
                resources.encoder.listening(metrics.ran),
                resources.encoder.listening(tracing.ran),
            ):
                async with (
                    scheduled(resources),
                    encoding(resources),
                    watching(resources),
                    popularity.counting(resources),
                    successors.counting(resources),
                    delivering(resources, sender),
                    app.state.feed.running(),
                ):
                    yield

    app = FastAPI(
        title="Swerve",
        version=service.__version__,
        summary="Notices when a user's interests swerve, and says when, from what to what, and why.",
        lifespan=lifespan,
        docs_url=None,  # see install_docs
        redoc_url=None,
        # FastAPI's own would tell every path and query, which hold user ids, to whatever provider is set globally.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.metrics = metrics
    for feature in (
        service.detect.endpoints,
        service.recommendations.endpoints,  # before the users', whose ids would take in what follows them
        service.users.endpoints,
        service.items.endpoints,
        service.populations.endpoints,
        service.encode.endpoints,
        service.mutations.endpoints,
        service.webhooks.endpoints,
        service.system.endpoints,
    ):
        app.include_router(feature.router)
    app.webhooks.include_router(webhooks)
    install_handlers(app)
    install_openapi(app)
    install_docs(app)
    _add_middleware(app, settings, metrics, tracing)
    return app


def _add_middleware(app: FastAPI, settings: Settings, metrics: Metrics, tracing: Tracing) -> None:
    """Innermost first: what is added last sees a request first and an answer last."""
    app.add_middleware(DisconnectMiddleware)
    app.add_middleware(BodyLimitMiddleware, max_bytes=settings.max_body_bytes)
    app.add_middleware(AccessMiddleware)  # before the body's limit, so that strangers learn nothing of it
    app.add_middleware(LoadLimitMiddleware, max_requests=settings.max_requests)
    app.add_middleware(ServerTimingMiddleware)
    if settings.cors_origins:
        # Outside of access: a browser asks what it may do before it sends a key, and pages may read refusals, too.
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=CORS_METHODS,
            allow_headers=CORS_REQUEST_HEADERS,
            expose_headers=CORS_ANSWER_HEADERS,
        )
    app.add_middleware(TelemetryMiddleware, metrics=metrics, tracing=tracing)
    app.add_middleware(SecurityHeadersMiddleware)
    app.add_middleware(RequestIdMiddleware)  # every answer has its id, a refused body's too


@asynccontextmanager
async def open_resources(
    settings: Settings,
    *,
    encoder: Encoder | None = None,
    engine: AsyncEngine | None = None,
    metrics: Metrics | None = None,
) -> AsyncIterator[Resources]:
    """Open the database, the model and the profile, and close them in reverse.

    Raises:
        StartError: the database could not be migrated, the model does not encode as it did when it was exported, or
            the privacy that was asked for cannot be given.
        EmbeddedPostgresError: the embedded Postgres does not start.
        DatabaseAwayError: Postgres cannot be reached.
        MigrationError: the schema cannot be brought up to date.
        UserKeySecretError: the secret is not the database's.
        ModelFolderError: the model folder cannot be served.
        ProfileError: the profile cannot be used.
    """
    metrics = Metrics() if metrics is None else metrics
    async with AsyncExitStack() as stack:
        # Products of matrices are small here, and many at a time. The threads of one wait for each other by spinning,
        # which on a busy machine takes thirty times as long as one thread for it.
        stack.enter_context(threadpool_limits(limits=1, user_api="blas"))
        privacy = await asyncio.to_thread(_privacy, settings)
        # The model goes before the database: without one nothing else is begun, not even a data folder.
        if encoder is None:
            load = partial(_load_encoder, settings)
            encoder = await stack.enter_async_context(opened_in_thread(load, OnnxEncoder.close))
        profile = await asyncio.to_thread(profile_for, encoder.info.space, settings.profile)
        await asyncio.to_thread(_warm_detector, settings, encoder.info.dim, profile)
        if not await encoder.canary():
            raise StartError(
                f"the model {encoder.info.id} does not encode as it did when it was exported; export it again with "
                "`python -m onnx_export`"
            )
        if engine is None:
            engine = await stack.enter_async_context(open_engine(settings))
        await migrate.require_current(engine, upgrading=settings.migrate_on_start)
        secret = await asyncio.to_thread(load_secret, settings)
        others = tuple(other for other in await asyncio.to_thread(load_other_secrets, settings) if other != secret)
        async with write_sessions(engine).begin() as session:
            await check_secret(session, secret, others)
            await seal_again(session, (secret, *others))
        async with write_sessions(engine).begin() as session:
            if await renumber(session):
                logger.warning("the database comes from another cluster: its changes were numbered anew")
        yield Resources(
            settings=settings,
            encoder=encoder,
            engine=engine,
            turns=Turns(settings.database_pool_size, metrics.database_wait.observe),
            statements=engine.execution_options(isolation_level="AUTOCOMMIT"),
            read_sessions=read_sessions(engine),
            write_sessions=write_sessions(engine),
            profile=profile,
            user_key_secret=secret,
            privacy=privacy,
            metrics=metrics,
            other_user_key_secrets=others,
        )


def _load_encoder(settings: Settings) -> OnnxEncoder:
    return OnnxEncoder.load(
        settings.model_dir,
        capacity_texts=settings.encoder_capacity_texts,
        cache_texts=settings.encoder_cache_texts,
        max_wait=settings.encoder_max_wait_seconds,
        force_cpu=settings.force_cpu,
    )


def _privacy(settings: Settings) -> Privacy | None:
    """How vectors leave the service, if not as they are.

    Raises:
        StartError: that cannot be kept.
    """
    if settings.privacy_epsilon is None:
        return None
    try:
        return make_privacy(
            epsilon=settings.privacy_epsilon,
            delta=settings.privacy_delta,
            releases=settings.privacy_releases,
            period_days=settings.privacy_period_days,
        )
    except AccountingError as error:
        raise StartError(str(error)) from error


def _warm_detector(settings: Settings, dim: int, profile: Profile | None) -> None:
    """Compile what the first request would wait for, and refuse what it would fail at.

    Raises:
        StartError: the model's vectors are too long for a user's state.
    """
    experts.warm_up()
    succession.warm_up()
    try:
        detector.warm_up(detector_params(settings, dim, profile))
    except StateError as error:
        raise StartError(f"this model cannot be served: {error}") from error
