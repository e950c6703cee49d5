"""Request and response of `POST /encode`."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from service.detect.schemas import ModelRef
from service.item_topics import ItemTopic
from service.wire import MAX_BEHAVIORS, MAX_TEXT_CHARACTERS, SOME_TEXT, StrictModel, VectorFormat, WireVector

Text = Annotated[str, StringConstraints(max_length=MAX_TEXT_CHARACTERS, pattern=SOME_TEXT)]


class EncodeRequest(StrictModel):
    """Texts to be turned into vectors."""

    texts: Annotated[list[Text], Field(min_length=1, max_length=MAX_BEHAVIORS)]
    encoding_format: VectorFormat = "float"
    include: list[Literal["topics"]] = Field(
        default_factory=list, max_length=4, description="`topics`: what each text is about."
    )


class EncodeResponse(BaseModel):
    """Vectors of unit length, one for each text, in order."""

    dim: int
    vectors: list[WireVector]
    truncated: list[int] = Field(description="Indexes of texts that were longer than the model reads.")
    model: ModelRef
    topics: list[list[ItemTopic]] | None = Field(
        default=None,
        description="If asked for: the leading topics of each text, in order, at most three each. Empty ones without a "
        "profile for this model.",
    )
