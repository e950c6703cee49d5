"""Requests and responses of `POST /detect` and `POST /detect/batch`."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidatorFunctionWrapHandler, WrapValidator

from service.policy.schemas import Policy
from service.populations.schemas import PopulationShift
from service.problems import ProblemDetails
from service.releases.schemas import Withheld
from service.snapshots.schemas import Change, Detector, Interest, Scores, Status, TopicDifference
from service.wire import (
    DEFAULT_DOMAIN,
    MAX_BATCH,
    MAX_BEHAVIORS,
    MAX_TEXT_CHARACTERS,
    SOME_TEXT,
    Domain,
    EventId,
    StrictModel,
    Time,
    UserId,
    VectorFormat,
    WireVector,
)

MAX_WEIGHT = 10.0

Name = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,256}$")]
Part = Literal["vectors", "topics", "contributions"]


class BehaviorContent(StrictModel):
    """What a behaviour was about. `text` or `embedding` says it."""

    # Told to clients; checked by `incoming.check`, which names the field.
    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"embedding": {"type": "null"}}},
            "then": {"required": ["text"], "properties": {"text": {"type": "string", "pattern": SOME_TEXT}}},
        }
    )

    text: Annotated[str | None, Field(max_length=MAX_TEXT_CHARACTERS, description="What it was about.")] = None
    item_id: Name | None = None
    category: Name | None = None
    weight: Annotated[
        float | None,
        Field(ge=0, le=MAX_WEIGHT, allow_inf_nan=False, description="Instead of the weight of its type; 1 is usual."),
    ] = None
    embedding: Annotated[
        WireVector | None,
        Field(
            description="A vector of the model's size, for images, audio or any other encoder; used instead of text."
        ),
    ] = None


class Behavior(BehaviorContent):
    """Something that a user did. `text` or `embedding` says with what."""

    event_id: EventId | None = None
    type: Annotated[
        str | None,
        Field(
            max_length=64,
            description="view, click, search, read, watch, like, comment, share, purchase, rating, dislike, or any "
            "other type that the settings give a weight.",
        ),
    ] = None
    occurred_at: Time


class DetectOptions(StrictModel):
    """How to judge and what to send back."""

    persist: Annotated[bool, Field(description="False: read the stored state, write nothing.")] = True
    detector: Annotated[Detector, Field(description="The score that decides `mutated`.")] = "bayes"
    threshold: Annotated[
        float | None, Field(allow_inf_nan=False, description="Instead of the calibrated or configured one.")
    ] = None
    include: Annotated[
        list[Part],
        Field(
            max_length=16,
            description="The large parts of the response; all of them if absent.",
            default_factory=lambda: ["vectors", "topics", "contributions"],
        ),
    ]
    encoding_format: Annotated[VectorFormat, Field(description="Of vectors in the response.")] = "float"


class DetectRequest(StrictModel):
    """One user's behaviours."""

    user_id: UserId
    domain: Domain = DEFAULT_DOMAIN
    behaviors: Annotated[list[Behavior], Field(min_length=1, max_length=MAX_BEHAVIORS)]
    options: Annotated[DetectOptions, Field(default_factory=lambda: DetectOptions.model_validate({}))]

    def name_of(self, index: int, field: str) -> str:
        """What problems call a behaviour's field: as the client sent it, which may have been in another form."""
        return f"behaviors[{index}].{field}"


class Topics(BaseModel):
    """What the interest gained and lost in the latest change of this request."""

    gained: list[TopicDifference] = []
    lost: list[TopicDifference] = []


class Contribution(BaseModel):
    """What one behaviour adds to the log-odds of the latest change of this request. They add up to it."""

    event_id: str | None = Field(
        description="Null for what no single behaviour adds: how rare changes are, and evidence of many at once."
    )
    log_odds: float


class Rejected(BaseModel):
    """A behaviour that was not taken in, though it was well-formed."""

    event_id: str
    reason: str


class ModelRef(BaseModel):
    """The model that encoded."""

    id: str
    digest: str


class ProfileRef(BaseModel):
    """The calibration that judged."""

    id: str


class DetectResponse(BaseModel):
    """The decision after one user's behaviours."""

    user_id: str
    domain: str
    snapshot_id: UUID | None = Field(
        description="The snapshot that this request stored; where nothing new was in it, the latest. Null if none."
    )
    sequence: int = Field(description="Of the user's latest snapshot; 0 if none.")
    status: Status = Field(
        description="`warming_up`: too little history to judge. `uncalibrated`: no profile fits this model, only the "
        "distance detectors mean anything."
    )
    mutated: bool = Field(description="Whether a change was declared during this request.")
    change: Change = Field(description="The latest change as it was declared; without one, the figures at the end.")
    changes: list[Change] = Field(description="Every change declared during this request, in order.")
    scores: Scores | None = Field(description="Null where vectors leave with noise: they are made of exact ones.")
    interest: Interest | None = Field(description="With `vectors` in `include`.")
    withheld: Withheld | None = Field(
        default=None,
        exclude_if=lambda withheld: withheld is None,
        description="Only where vectors leave with noise, and those asked for were left out: why.",
    )
    topics: Topics | None = Field(description="With `topics` in `include`.")
    population: PopulationShift | None = Field(
        default=None,
        description="Where a change of this request gained a topic that many users of the domain turn to at once: that "
        "shift, as of some seconds ago. Null: the change is the user's own, or there was none.",
    )
    contributions: list[Contribution] | None = Field(description="With `contributions` in `include`.")
    policy: Policy = Field(description="How to recommend to the user now.")
    accepted: int = Field(description="Behaviours taken in.")
    duplicates: int = Field(description="Behaviours already seen, without effect.")
    rejected: list[Rejected] = Field(description="Behaviours not taken in.")
    late: list[str] = Field(
        description="Event ids of behaviours that came too late to be put in order: taken in as of the newest one."
    )
    truncated: list[str] = Field(description="Event ids of behaviours whose text was longer than the model reads.")
    model: ModelRef
    profile: ProfileRef | None


def _as_it_came(value: object, _: ValidatorFunctionWrapHandler) -> object:
    return value


class BatchRequest(StrictModel):
    """Many users' behaviours. Each entry stands for itself: one that is malformed does not fail the others."""

    requests: Annotated[
        list[Annotated[DetectRequest, WrapValidator(_as_it_came)]], Field(min_length=1, max_length=MAX_BATCH)
    ]


class BatchItem(BaseModel):
    """A result or a problem."""

    result: DetectResponse | None = None
    problem: ProblemDetails | None = None


class BatchResponse(BaseModel):
    """One entry for each request, in order."""

    results: list[BatchItem]
