"""Every setting of the service, in one place. Nothing else reads the environment."""

import json
import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AliasChoices, Field, FiniteFloat, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from pydantic_settings import SettingsError as SourceError

from service.access.rates import parse_rate
from service.database.engine import normalize_url
from service.wire import MAX_BEHAVIORS

PREFIX = "SWERVE_"
MIN_SECRET_CHARACTERS = 16

DEFAULT_BEHAVIOR_WEIGHTS = {
    "view": 1.0,
    "click": 1.0,
    "search": 1.0,
    "read": 1.0,
    "watch": 1.0,
    "like": 1.0,
    "comment": 1.0,
    "share": 1.0,
    "purchase": 1.0,
    "rating": 1.0,
    "dislike": 0.0,
}
"""How much evidence of interest a behaviour of each type is. A dislike is none."""

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9A-Fa-f:]+\](:[0-9]{1,5})?")
LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["auto", "json", "console"]

OTHER_NAMES = {
    "SWERVE_DATABASE_URL": "DATABASE_URL",
    "SWERVE_OTLP_ENDPOINT": "OTEL_EXPORTER_OTLP_ENDPOINT",
    "SWERVE_OTLP_TRACES_ENDPOINT": "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
}
"""Variables that are also read where the one with our prefix is not set."""

PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Days = Annotated[float, Field(gt=0, le=36_500, allow_inf_nan=False)]
PositiveInt = Annotated[int, Field(ge=1)]


class SettingsError(Exception):
    """The settings are wrong; the message names the variable, on one line, and never shows a value."""


def _either(variable: str) -> AliasChoices:
    return AliasChoices(variable, OTHER_NAMES[variable])


class Settings(BaseSettings):
    """Read from environment variables of these names in capitals, with `SWERVE_` before them.

    Some are also read from where platforms put them, see `OTHER_NAMES`. An empty variable counts as unset.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, populate_by_name=True, frozen=True, hide_input_in_errors=True
    )

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    data_dir: Path = Field(default=Path("data"), description="Folder of the embedded Postgres and the user-key secret.")
    model_dir: Path = Field(default=Path("models/default"), description="Folder that `python -m onnx_export` wrote.")
    profile: Path | None = Field(
        default=None, description="Calibration profile; without one, the shipped profile if it fits the model."
    )
    database_url: SecretStr | None = Field(
        default=None,
        validation_alias=_either("SWERVE_DATABASE_URL"),
        description="Postgres to use; without one, an embedded Postgres runs in the data folder.",
    )
    database_pool_size: PositiveInt = Field(default=10, description="Connections to Postgres at most.")
    migrate_on_start: bool = Field(default=True, description="Bring the database's schema up to date at start.")
    user_key_secret: SecretStr | None = Field(
        default=None,
        description="Secret from which users' keys are made, the same for every replica; without one, it is made at "
        "first start and kept in the data folder.",
    )
    key_cache_seconds: float = Field(
        default=5.0,
        ge=0,
        le=3600,
        allow_inf_nan=False,
        description="How old what is known of the API keys may be: a revoked key works no longer than that.",
    )
    rate_limit: str | None = Field(
        default=None,
        description="Requests that a key may make, such as 600/minute, unless it has a limit of its own; without one, "
        "any number. Each process counts for itself.",
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Origins of web pages that may use the service, by commas, such as https://shop.example.",
    )
    user_key_previous_secrets: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        default=(),
        description="Secrets beside that one, as a JSON list or with commas between: users who are found under them "
        "move to the service's own. For a change of the secret; see docs/privacy.md.",
    )
    retention_days_users: Days | None = Field(
        default=None,
        description="Users from whom no behaviour was taken in for so long are removed with all that is held of them.",
    )
    retention_days_snapshots: Days | None = Field(
        default=None, description="Snapshots taken so long ago are removed, a user's latest excepted."
    )
    retention_days_events: Days | None = Field(
        default=None,
        description="Ids of behaviours that occurred so long ago are forgotten: sent again, such a behaviour counts "
        "again.",
    )
    retention_days_tombstones: Days | None = Field(
        default=None,
        description="Erasures so long ago are forgotten: behaviours from before them would count again, so let it be "
        "longer than behaviours are ever late.",
    )
    retention_every_hours: float = Field(
        default=24.0,
        ge=0,
        allow_inf_nan=False,
        description="How often one of the replicas removes what is older than that; 0: only `swerve retention run`.",
    )
    max_requests: PositiveInt = Field(
        default=128,
        description="Requests under way at a time, probes apart. What comes beyond is answered 503 at once.",
    )
    max_body_bytes: PositiveInt = Field(default=32 * 2**20, description="Largest request body.")
    encoder_capacity_texts: PositiveInt = Field(default=4096, description="Texts admitted to the encoder at a time.")
    encoder_max_wait_seconds: PositiveFloat = Field(
        default=0.75,
        description="How long texts may wait for the encoder's other work. What would wait longer is answered 503 at "
        "once.",
    )
    encoder_cache_texts: int = Field(default=50_000, ge=0, description="Texts whose vectors are kept in memory.")
    force_cpu: bool = Field(default=False, description="Encode on the CPU even where a GPU is usable.")
    half_life_days: PositiveFloat = Field(default=30.0, description="Age at which a behaviour counts half in z.")
    distance_threshold: PositiveFloat = Field(default=0.35, description="Magnitude above which `distance` fires.")
    rate_threshold: PositiveFloat = Field(default=0.1, description="Magnitude per day above which `rate` fires.")
    window_threshold: PositiveFloat = Field(default=0.6, description="Distance above which `window` fires.")
    window: PositiveInt = Field(default=10, description="Behaviours in the newest window.")
    memory_behaviors: int = Field(
        default=128,
        ge=0,
        le=1024,
        description="How many behaviours of each of a user's newest five regimes are kept one by one, for "
        "recommendations. 0 keeps none.",
    )
    reorder_window_seconds: float = Field(
        default=60.0,
        ge=0,
        le=86_400,
        allow_inf_nan=False,
        description="Behaviours that come at most so much later than newer ones are put in order; later ones count as "
        "of the newest. 0 puts none in order. The same for every replica.",
    )
    behavior_weights: dict[str, Annotated[FiniteFloat, Field(ge=0)]] = Field(
        default=DEFAULT_BEHAVIOR_WEIGHTS,
        description="Weights by type as a JSON object; added to the default ones. Types without one are refused.",
    )
    privacy_epsilon: float | None = Field(
        default=None,
        ge=0.01,
        le=64,
        allow_inf_nan=False,
        description="Interest vectors leave the service with noise: all of a user's vectors in a period together are "
        "(epsilon, delta)-differentially private. Without it, they leave as they are.",
    )
    privacy_delta: float = Field(default=1e-6, ge=1e-12, le=1e-2, allow_inf_nan=False, description="See epsilon.")
    privacy_releases: int = Field(
        default=10,
        ge=1,
        le=100_000,
        description="How many vectors of a user the budget is for in a period. Each is noisier the more they are.",
    )
    privacy_period_days: float = Field(
        default=30.0,
        gt=0,
        le=36_500,
        allow_inf_nan=False,
        description="How long a vector that left counts against the budget.",
    )
    idempotency_hours: float = Field(
        default=24.0,
        gt=0,
        le=8_760,
        allow_inf_nan=False,
        description="How long the answer to a request with an Idempotency-Key is kept to be given again.",
    )
    catalogue_poll_seconds: float = Field(
        default=5.0,
        ge=0,
        le=3600,
        allow_inf_nan=False,
        description="How often this replica looks for items that others were sent, to encode them and to keep the "
        "catalogue's indexes; 0: it does neither.",
    )
    catalogue_index_from: PositiveInt = Field(
        default=2000,
        description="Items of a domain from which on they are searched by an index; below, all are looked at.",
    )
    catalogue_index_memory_mb: int = Field(
        default=2048,
        ge=64,
        description="Memory of Postgres, in MiB, in which an index may be built; a million items of 384 numbers need "
        "about 1,200.",
    )
    popularity_every_minutes: float = Field(
        default=10.0,
        ge=0,
        le=1440,
        allow_inf_nan=False,
        description="How often one of the replicas counts how many users had to do with each item in the last 30 days; "
        "0: this replica never does; counts that are there, as of another replica, are used all the same.",
    )
    successors_every_minutes: float = Field(
        default=60.0,
        ge=0,
        le=1440,
        allow_inf_nan=False,
        description="How often one of the replicas counts what users took up soon after each item; 0: this "
        "replica never does; counts that are there, as of another replica, are used all the same.",
    )
    population_every_seconds: float = Field(
        default=20.0,
        ge=1,
        le=3600,
        allow_inf_nan=False,
        description="How long after a look for shifts of a population the next one comes at the earliest. The same for "
        "every replica.",
    )
    population_min_users: int = Field(
        default=5,
        ge=1,
        description="Topics that fewer users gained or lost are not told one by one, nor are such shifts.",
    )
    webhooks_workers: int = Field(
        default=8,
        ge=0,
        le=256,
        description="Webhooks that this replica sends at a time; 0: it sends none, and leaves them to the others.",
    )
    webhooks_allow_private: bool = Field(
        default=False,
        description="Webhooks may go to addresses inside the network: private, loopback, link-local and such. Whoever "
        "manages webhooks can then have this service connect to what is closed to them.",
    )
    webhooks_allow_http: bool = Field(default=False, description="Webhooks may go over http, without TLS.")
    webhooks_ca_file: Path | None = Field(
        default=None, description="Certificates (PEM) of authorities for webhooks' receivers, beside the usual ones."
    )
    webhooks_disable_after_days: Days = Field(
        default=5.0, description="A webhook to which nothing at all was delivered for so long is disabled."
    )
    webhooks_keep_days: float = Field(
        default=14.0,
        ge=10,
        le=36_500,
        allow_inf_nan=False,
        description="How long deliveries are kept, to be looked at and sent again.",
    )
    mutations_poll_seconds: float = Field(
        default=1.0,
        ge=0.05,
        le=60,
        allow_inf_nan=False,
        description="How often webhooks and the stream look for new changes.",
    )
    max_streams: int = Field(
        default=100,
        ge=0,
        le=10_000,
        description="Listeners to /mutations/stream at a time; they do not count as requests under way.",
    )
    log_level: LogLevel = Field(default="info", description="Least important of our own logs that are written.")
    log_format: LogFormat = Field(
        default="auto", description="json, console, or auto: console where standard error is a terminal, else json."
    )
    otlp_endpoint: str | None = Field(
        default=None,
        validation_alias=_either("SWERVE_OTLP_ENDPOINT"),
        description="OpenTelemetry collector, such as http://localhost:4318, that traces go to; without one, none are "
        "made.",
    )
    otlp_traces_endpoint: str | None = Field(
        default=None,
        validation_alias=_either("SWERVE_OTLP_TRACES_ENDPOINT"),
        description="The same with the whole path, where it is not /v1/traces; goes before the other.",
    )
    drain_delay_seconds: float = Field(
        default=1.0,
        ge=0,
        allow_inf_nan=False,
        description="After SIGTERM, how long /readyz says 503 while requests are still taken.",
    )

    @field_validator("behavior_weights", mode="after")
    @classmethod
    def _extend_defaults(cls, given: dict[str, float]) -> dict[str, float]:
        if any(not name or len(name) > 64 for name in given):
            raise ValueError("names of behaviour types have 1 to 64 characters")
        return DEFAULT_BEHAVIOR_WEIGHTS | given

    @field_validator("database_url", mode="after")
    @classmethod
    def _check_database_url(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            normalize_url(url.get_secret_value())
        return url

    @field_validator("rate_limit", mode="after")
    @classmethod
    def _check_rate_limit(cls, rate: str | None) -> str | None:
        if rate is not None:
            parse_rate(rate)
        return rate

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split_origins(cls, given: object) -> object:
        return [origin.strip() for origin in given.split(",")] if isinstance(given, str) else given

    @field_validator("cors_origins", mode="after")
    @classmethod
    def _check_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        if any(_ORIGIN.fullmatch(origin) is None for origin in origins):
            raise ValueError("must name each origin in full, such as https://shop.example, by commas")
        return origins

    @field_validator("log_level", "log_format", mode="before")
    @classmethod
    def _lower_case(cls, given: object) -> object:
        return given.lower() if isinstance(given, str) else given

    @field_validator("otlp_endpoint", "otlp_traces_endpoint", mode="after")
    @classmethod
    def _check_endpoint(cls, endpoint: str | None) -> str | None:
        if endpoint is not None and not endpoint.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return endpoint

    @field_validator("user_key_secret", mode="after")
    @classmethod
    def _check_secret(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and len(secret.get_secret_value()) < MIN_SECRET_CHARACTERS:
            raise ValueError(f"must have at least {MIN_SECRET_CHARACTERS} characters; `openssl rand -hex 32` makes one")
        return secret

    @field_validator("user_key_previous_secrets", mode="before")
    @classmethod
    def _split_secrets(cls, given: object) -> object:
        if not isinstance(given, str):
            return given
        if given.lstrip().startswith("["):
            try:
                return json.loads(given)
            except ValueError:
                raise ValueError("begins as a JSON list but is none") from None
        return [part.strip() for part in given.split(",") if part.strip()]

    @field_validator("user_key_previous_secrets", mode="after")
    @classmethod
    def _check_previous_secrets(cls, given: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if any(len(secret.get_secret_value()) < MIN_SECRET_CHARACTERS for secret in given):
            raise ValueError(f"each must have at least {MIN_SECRET_CHARACTERS} characters")
        return given

    @model_validator(mode="after")
    def _check_room(self) -> Self:
        if self.encoder_capacity_texts < MAX_BEHAVIORS:
            raise ValueError(f"{PREFIX}ENCODER_CAPACITY_TEXTS must be at least {MAX_BEHAVIORS}: a request must fit")
        return self

    @model_validator(mode="after")
    def _check_retention(self) -> Self:
        events, tombstones = self.retention_days_events, self.retention_days_tombstones
        if tombstones is not None and events is not None and tombstones < events:
            raise ValueError(
                f"{PREFIX}RETENTION_DAYS_TOMBSTONES must be at least {PREFIX}RETENTION_DAYS_EVENTS: as long as late "
                "behaviours are told apart, they must not bring an erased user back"
            )
        users = self.retention_days_users
        if self.privacy_epsilon is not None and users is not None and users < self.privacy_period_days:
            raise ValueError(
                f"{PREFIX}RETENTION_DAYS_USERS must be at least {PREFIX}PRIVACY_PERIOD_DAYS: a user who is removed and "
                "comes back would have a new budget within the period"
            )
        return self


def load_settings(**given: Any) -> Settings:  # noqa: ANN401 - of any field's type, checked by pydantic
    """Read the settings from the environment; what is given here goes before it.

    Raises:
        SettingsError: naming the first bad variable.
    """
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        message = first["msg"].removeprefix("Value error, ")
        raise SettingsError(f"{_variable(first['loc'])}{message}") from None
    except SourceError as error:
        field = getattr(error, "field_name", None) or str(error).partition('"')[2].partition('"')[0]
        raise SettingsError(f'{_variable((field,))}must be JSON, such as {{"view": 0.5}}') from None


def _variable(location: tuple[int | str, ...]) -> str:
    if not location:
        return ""
    name = str(location[0])
    known = name if name.isupper() else PREFIX + name.upper()
    if known in OTHER_NAMES and not os.environ.get(known):
        known = OTHER_NAMES[known]
    inside = "".join(f"[{part}]" for part in location[1:])
    return f"{known}{inside}: "
