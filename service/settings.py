"""Every setting of the service, in one place. Nothing else reads the environment."""

import json
import os
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AliasChoices, Field, FiniteFloat, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from pydantic_settings import SettingsError as SourceError

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

PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
PositiveInt = Annotated[int, Field(ge=1)]


class SettingsError(Exception):
    """The settings are wrong; the message names the variable, on one line, and never shows a value."""


class Settings(BaseSettings):
    """Read from environment variables of these names in capitals, with `SWERVE_` before them.

    `database_url` is also read from `DATABASE_URL`, where platforms put it. An empty variable counts as unset.
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
        validation_alias=AliasChoices("SWERVE_DATABASE_URL", "DATABASE_URL"),
        description="Postgres to use; without one, an embedded Postgres runs in the data folder.",
    )
    database_pool_size: PositiveInt = Field(default=10, description="Connections to Postgres at most.")
    migrate_on_start: bool = Field(default=True, description="Bring the database's schema up to date at start.")
    user_key_secret: SecretStr | None = Field(
        default=None,
        description="Secret from which users' keys are made, the same for every replica; without one, it is made at "
        "first start and kept in the data folder.",
    )
    user_key_previous_secrets: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        default=(),
        description="Secrets beside that one, as a JSON list or with commas between: users who are found under them "
        "move to the service's own. For a change of the secret; see docs/privacy.md.",
    )
    retention_days_users: PositiveFloat | None = Field(
        default=None,
        description="Users from whom no behaviour was taken in for so long are removed with all that is held of them.",
    )
    retention_days_snapshots: PositiveFloat | None = Field(
        default=None, description="Snapshots taken so long ago are removed, a user's latest excepted."
    )
    retention_days_events: PositiveFloat | None = Field(
        default=None,
        description="Ids of behaviours that occurred so long ago are forgotten: sent again, such a behaviour counts "
        "again.",
    )
    retention_days_tombstones: PositiveFloat | None = Field(
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
    behavior_weights: dict[str, Annotated[FiniteFloat, Field(ge=0)]] = Field(
        default=DEFAULT_BEHAVIOR_WEIGHTS,
        description="Weights by type as a JSON object; added to the default ones. Types without one are refused.",
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
    if known == "SWERVE_DATABASE_URL" and not os.environ.get(known):
        known = "DATABASE_URL"
    inside = "".join(f"[{part}]" for part in location[1:])
    return f"{known}{inside}: "
