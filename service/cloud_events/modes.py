"""The three forms in which events come by HTTP, and what each calls the parts of an event.

After https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md.
"""

from dataclasses import dataclass
from enum import Enum
from urllib.parse import unquote

from starlette.datastructures import Headers

from service.problem_handlers import field_name

STRUCTURED, BATCHED = "application/cloudevents+json", "application/cloudevents-batch+json"
OF_CLOUD_EVENTS = "application/cloudevents"
"""What every media type of theirs begins with."""
_PREFIX = "ce-"


class Mode(Enum):
    """How events come: one as a JSON object, many as a list of such, one with its attributes in headers."""

    STRUCTURED = "structured"
    BATCHED = "batched"
    BINARY = "binary"
    UNKNOWN = "unknown"
    """Events in a format other than JSON."""


def mode_of(headers: Headers) -> Mode | None:
    """In which form this request has events; None where it has none."""
    content_type = media_type(headers)
    if content_type == STRUCTURED:
        return Mode.STRUCTURED
    if content_type == BATCHED:
        return Mode.BATCHED
    if content_type.startswith(OF_CLOUD_EVENTS):
        return Mode.UNKNOWN
    return Mode.BINARY if f"{_PREFIX}specversion" in headers else None


def media_type(headers: Headers) -> str:
    """The body's media type without parameters, in lower case; empty where none is given."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def binary_event(headers: Headers, data: object) -> dict[str, object]:
    """An event whose attributes came in headers, as if it had come as one object."""
    attributes: dict[str, object] = {
        name.removeprefix(_PREFIX): _header_value(value) for name, value in headers.items() if name.startswith(_PREFIX)
    }
    return attributes | {"datacontenttype": headers.get("content-type"), "data": data}


def _header_value(value: str) -> str:
    """What a header says: UTF-8, percent-encoded, possibly in quotes."""
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = value[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    return unquote(value, errors="replace")


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a request an event is.

    Attributes:
        mode: of the request.
        index: in a batch, from 0; None outside of one.
    """

    mode: Mode
    index: int | None = None

    def name_of(self, *location: int | str) -> str:
        """What the client calls a part of the event: `("data", "text")` → `[3].data.text` in a batch."""
        if self.mode is Mode.BINARY:
            return _in_headers(location)
        return field_name(location if self.index is None else (self.index, *location)) or "body"


def _in_headers(location: tuple[int | str, ...]) -> str:
    first, *rest = location
    if first == "data":
        return field_name(rest) or "body"
    return "Content-Type" if first == "datacontenttype" else f"{_PREFIX}{field_name((first,))}"
