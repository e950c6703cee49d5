"""What the requests of one app share."""

import asyncio
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker
from starlette.requests import HTTPConnection

from service.database.sessions import ReadSession, WriteSession
from service.database.turns import Turns
from service.detect.known_topics import KnownTopics
from service.detection.detector import Params
from service.detection.profile import Profile
from service.dp.privacy import Privacy
from service.encoder.contract import Encoder
from service.idempotency.record import InProgress
from service.identity import UserKeys, user_keys
from service.items.known_vectors import KnownVectors
from service.populations.known import Populations
from service.recommendations.view import Views
from service.settings import Settings
from service.telemetry.metrics import Metrics


@dataclass(slots=True)
class Resources:
    """Made when the app starts, and gone when it has stopped.

    Attributes:
        settings: as given to `create_app`.
        encoder: loaded and warm.
        engine: of the database, migrated.
        statements: the same database, for statements that are a transaction each.
        turns: as many as the database has connections; requests wait for one in the order in which they came, while
            the pool lets a newcomer go before those who wait.
        read_sessions: makes read-only transactions.
        write_sessions: makes transactions that may write.
        views: of the domains' catalogues.
        profile: calibration for the encoder's space; None without a fitting one.
        user_key_secret: see `service.identity.user_key`.
        privacy: how vectors leave the service; None where they leave as they are.
        in_progress: requests under an `Idempotency-Key` that this replica is carrying out.
        populations: what is known of shifts of whole populations.
        metrics: of the app.
        other_user_key_secrets: secrets under which users may still be held; none outside a rotation.
        items_waiting: set when an item was put here whose text is to be encoded.
        draining: the service was asked to stop; `/readyz` says so while requests are still taken.
        params: of the detectors.
        known_topics: of the vectors that came lately; None without a profile.
        known_vectors: of the catalogue's texts.
    """

    settings: Settings
    encoder: Encoder
    engine: AsyncEngine
    statements: AsyncEngine
    turns: Turns
    read_sessions: async_sessionmaker[ReadSession]
    write_sessions: async_sessionmaker[WriteSession]
    profile: Profile | None
    user_key_secret: bytes = field(repr=False)
    privacy: Privacy | None = None
    in_progress: InProgress = field(default_factory=InProgress)
    populations: Populations = field(default_factory=Populations)
    metrics: Metrics = field(default_factory=Metrics)
    other_user_key_secrets: tuple[bytes, ...] = field(default=(), repr=False)
    items_waiting: asyncio.Event = field(default_factory=asyncio.Event)
    draining: bool = False
    views: Views = field(init=False)
    params: Params = field(init=False)
    known_topics: KnownTopics | None = field(init=False)
    known_vectors: KnownVectors = field(init=False)

    def __post_init__(self) -> None:
        """Make what rests on the rest."""
        info = self.encoder.info
        self.views = Views(self.read_sessions, info.space, info.dim)
        self.params = detector_params(self.settings, info.dim, self.profile)
        self.known_topics = None if self.profile is None else KnownTopics(self.profile)
        self.known_vectors = KnownVectors(info, self.settings.encoder_cache_texts)

    @property
    def secrets(self) -> tuple[bytes, ...]:
        """Every user-key secret that is known, the service's own first."""
        return (self.user_key_secret, *self.other_user_key_secrets)

    def keys_of(self, domain: str, user_id: str) -> UserKeys:
        """Under which keys the user may be held in the domain."""
        return user_keys(self.user_key_secret, self.other_user_key_secrets, domain, user_id)


def get_resources(connection: HTTPConnection) -> Resources:
    """The resources of the app that this request came to.

    Raises:
        RuntimeError: the app's lifespan was not entered.
    """
    resources: Resources | None = getattr(connection.app.state, "resources", None)
    if resources is None:
        raise RuntimeError("the app has not started: enter `app.router.lifespan_context(app)` first")
    return resources


async def resources_of(connection: HTTPConnection) -> Resources:
    """`get_resources` for endpoints to depend on."""
    return get_resources(connection)


ResourcesDependency = Annotated[Resources, Depends(resources_of)]


def detector_params(settings: Settings, dim: int, profile: Profile | None) -> Params:
    """What the detectors need of the settings, the model and the profile."""
    return Params(
        dim=dim,
        profile=profile,
        half_life_days=settings.half_life_days,
        window=settings.window,
        thresholds={
            "distance": settings.distance_threshold,
            "rate": settings.rate_threshold,
            "window": settings.window_threshold,
        },
    )
