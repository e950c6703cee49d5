"""Puts the app together. Importing this does nothing; `create_app` builds, and the app's lifespan opens and closes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

import service
import service.detect.endpoints
import service.encode.endpoints
import service.system.endpoints
import service.users.endpoints
from service.database import migrate
from service.database.embedded import embedded_postgres
from service.database.engine import make_engine
from service.database.sessions import read_sessions, write_sessions
from service.detection import detector
from service.detection.profile import Profile
from service.detection.state import StateError
from service.disconnect import DisconnectMiddleware
from service.encoder import OnnxEncoder
from service.encoder.contract import Encoder
from service.identity import check_secret, load_other_secrets, load_secret
from service.middleware import BodyLimitMiddleware, LoadLimitMiddleware, RequestIdMiddleware, ServerTimingMiddleware
from service.openapi import install_openapi
from service.problem_handlers import install_handlers
from service.profiles import profile_for
from service.resources import Resources, detector_params
from service.retention.schedule import scheduled
from service.settings import Settings
from service.system.service import ReadinessProbe
from service.threads import opened_in_thread


class StartError(Exception):
    """The service cannot start; the message says why and what to do."""


def create_app(settings: Settings, *, encoder: Encoder | None = None, engine: AsyncEngine | None = None) -> FastAPI:
    """The app, not yet started: nothing is opened before its lifespan is entered.

    Args:
        settings: see `service.settings`.
        encoder: used instead of the one in the settings' model folder; the caller closes it.
        engine: used instead of one on the settings' database; the caller disposes of it.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_resources(settings, encoder=encoder, engine=engine) as resources:
            app.state.resources = resources
            app.state.readiness = ReadinessProbe(resources)
            async with scheduled(resources):
                yield

    app = FastAPI(
        title="Swerve",
        version=service.__version__,
        summary="Notices when a user's interests swerve, and says when, from what to what, and why.",
        lifespan=lifespan,
    )
    for feature in (
        service.detect.endpoints,
        service.users.endpoints,
        service.encode.endpoints,
        service.system.endpoints,
    ):
        app.include_router(feature.router)
    install_handlers(app)
    install_openapi(app)
    app.add_middleware(DisconnectMiddleware)
    app.add_middleware(BodyLimitMiddleware, max_bytes=settings.max_body_bytes)
    app.add_middleware(LoadLimitMiddleware, max_requests=settings.max_requests)
    app.add_middleware(ServerTimingMiddleware)
    app.add_middleware(RequestIdMiddleware)  # added last, so outermost: a refused body's answer has its id too
    return app


@asynccontextmanager
async def open_resources(
    settings: Settings, *, encoder: Encoder | None = None, engine: AsyncEngine | None = None
) -> AsyncIterator[Resources]:
    """Open the database, the model and the profile, and close them in reverse.

    Raises:
        StartError: the database could not be migrated, or the model does not encode as it did when it was exported.
        EmbeddedPostgresError: the embedded Postgres does not start.
        DatabaseAwayError: Postgres cannot be reached.
        MigrationError: the schema cannot be brought up to date.
        UserKeySecretError: the secret is not the database's.
        ModelFolderError: the model folder cannot be served.
        ProfileError: the profile cannot be used.
    """
    async with AsyncExitStack() as stack:
        # The model goes first: without one nothing else is begun, not even a data folder.
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
        if settings.migrate_on_start:
            await migrate.upgrade(engine)
        elif not await migrate.is_current(engine):
            raise StartError("the database's schema is not current; run `swerve migrate`")
        secret = await asyncio.to_thread(load_secret, settings)
        others = tuple(other for other in await asyncio.to_thread(load_other_secrets, settings) if other != secret)
        async with write_sessions(engine).begin() as session:
            await check_secret(session, secret, others)
        yield Resources(
            settings=settings,
            encoder=encoder,
            engine=engine,
            turns=asyncio.Semaphore(settings.database_pool_size),
            statements=engine.execution_options(isolation_level="AUTOCOMMIT"),
            read_sessions=read_sessions(engine),
            write_sessions=write_sessions(engine),
            profile=profile,
            user_key_secret=secret,
            other_user_key_secrets=others,
        )


@asynccontextmanager
async def open_engine(settings: Settings) -> AsyncIterator[AsyncEngine]:
    """An engine on the settings' database, or on an embedded Postgres that runs as long as the context is open."""
    async with AsyncExitStack() as stack:
        if settings.database_url is None:
            url = await stack.enter_async_context(embedded_postgres(settings.data_dir))
        else:
            url = settings.database_url.get_secret_value()
        engine = make_engine(url, pool_size=settings.database_pool_size)
        stack.push_async_callback(engine.dispose)
        yield engine


def _load_encoder(settings: Settings) -> OnnxEncoder:
    return OnnxEncoder.load(
        settings.model_dir,
        capacity_texts=settings.encoder_capacity_texts,
        cache_texts=settings.encoder_cache_texts,
        max_wait=settings.encoder_max_wait_seconds,
        force_cpu=settings.force_cpu,
    )


def _warm_detector(settings: Settings, dim: int, profile: Profile | None) -> None:
    """Compile what the first request would wait for, and refuse what it would fail at.

    Raises:
        StartError: the model's vectors are too long for a user's state.
    """
    try:
        detector.warm_up(detector_params(settings, dim, profile))
    except StateError as error:
        raise StartError(f"this model cannot be served: {error}") from error
