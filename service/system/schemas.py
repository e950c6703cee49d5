"""What the system endpoints answer."""

from typing import Literal

from pydantic import BaseModel, Field

from service.problems import Check


class Liveness(BaseModel):
    """The process is up. Says nothing of what it needs."""

    status: Literal["alive"] = "alive"


class Readiness(BaseModel):
    """The service can serve."""

    status: Literal["ready"] = "ready"
    checks: list[Check] = Field(description="What was found right.")


class LoadedModel(BaseModel):
    """The model that encodes, and the calibration that goes with it."""

    id: str = Field(description="The model's name.")
    digest: str = Field(description="SHA-256 of the exported files; changes with precision and tools.")
    space: str = Field(description="SHA-256 of what defines the vector space; equal for all precisions of one model.")
    dim: int = Field(description="Length of a vector.")
    max_tokens: int = Field(description="Longer texts are truncated to this many tokens.")
    prefix: str = Field(description="Put before every text.")
    pooling: str = Field(description="mean, cls or last.")
    precision: str = Field(description="fp32, int8 or fp16.")
    provider: str = Field(description="The ONNX Runtime execution provider that really runs.")
    profile: str | None = Field(description="Id of the calibration profile; null where none fits this model.")
