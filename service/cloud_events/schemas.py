"""A behaviour as a CloudEvent, after https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from service.detect.schemas import BehaviorContent, DetectOptions
from service.wire import DEFAULT_DOMAIN, Domain, Time, UserId

MAX_CHARACTERS = 1024
MAX_TYPE_CHARACTERS = 256
ATTRIBUTE = "^[a-z0-9]+$"
"""Names of attributes, by the specification."""

_JSON = "^[^/; ]+/([^/; ]+[+])?[Jj][Ss][Oo][Nn] *(;.*)?$"


def _json_type(given: str | None) -> str | None:
    if given is not None and re.match(_JSON, given) is None:
        raise ValueError("must be JSON, such as application/json: data is an object with a text or an embedding")
    return given


class EventData(BehaviorContent):
    """What the behaviour was about, and how to judge it."""

    options: Annotated[DetectOptions | None, Field(description="Of the request that the event becomes.")] = None


class CloudEvent(BaseModel):
    """One behaviour. Attributes that are not listed here are let be, as the specification asks."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"propertyNames": {"pattern": ATTRIBUTE}})

    specversion: Literal["1.0"]
    id: Annotated[
        str,
        StringConstraints(pattern=r"^[^\x00-\x1f\x7f]+$", max_length=MAX_CHARACTERS),
        Field(description="Names the event together with its source: both again are a duplicate."),
    ]
    source: Annotated[
        str,
        StringConstraints(pattern=r"^[^\x00-\x20\x7f]+$", max_length=MAX_CHARACTERS),
        Field(description="Where the event happened, a URI reference."),
    ]
    type: Annotated[
        str,
        Field(
            min_length=1,
            max_length=MAX_TYPE_CHARACTERS,
            description="The type of behaviour, as it is or as the last part of a reverse-DNS name, such as "
            "com.example.shop.purchase; a version at its end (.v2) is passed over.",
        ),
    ]
    subject: UserId
    time: Time
    domain: Domain = DEFAULT_DOMAIN
    datacontenttype: Annotated[
        str | None,
        AfterValidator(_json_type),
        Field(description="JSON, if given.", json_schema_extra={"pattern": _JSON}),
    ] = None
    data: EventData
