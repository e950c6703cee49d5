"""From events to requests. No I/O."""

import hashlib
import re
from collections.abc import Container, Iterator, Sequence

from pydantic import PrivateAttr, ValidationError

from service.cloud_events.modes import Mode, Place
from service.cloud_events.schemas import ATTRIBUTE, CloudEvent
from service.detect.schemas import Behavior, DetectOptions, DetectRequest
from service.problem_handlers import field_error
from service.problems import FieldError, InvalidRequest
from service.wire import MAX_BEHAVIORS

MAX_EVENT_ID_CHARACTERS = 128
MAX_ERRORS = 100

_NAMES = {"type": ("type",), "occurred_at": ("time",)}
_VERSION = re.compile(r"[vV]?[0-9]+")


class EventsRequest(DetectRequest):
    """One user's events as a request. Problems name their fields as they were sent."""

    _places: Sequence[Place] = PrivateAttr(default=())

    @classmethod
    def of(cls, events: Sequence[CloudEvent], places: Sequence[Place], known_types: Container[str]) -> "EventsRequest":
        """The request that these events of one user become.

        Raises:
            InvalidRequest: they are too many.
        """
        if len(events) > MAX_BEHAVIORS:
            message = f"is one of more than {MAX_BEHAVIORS} events of one user"
            raise InvalidRequest(
                errors=[FieldError(field=places[MAX_BEHAVIORS].name_of(), message=message, remedy="split the batch")]
            )
        first = events[0]
        made = cls(
            user_id=first.subject,
            domain=first.domain,
            behaviors=[behavior_of(event, known_types) for event in events],
            options=first.data.options or DetectOptions.model_validate({}),
        )
        made._places = places
        return made

    def name_of(self, index: int, field: str) -> str:
        """What the client calls it: `data.text` and `time`, not `behaviors[0].text` and `occurred_at`."""
        return self._places[index].name_of(*_NAMES.get(field, ("data", field)))


def read_event(given: object, place: Place) -> CloudEvent:
    """An event.

    Raises:
        InvalidRequest: naming every attribute at fault as the client sent it.
    """
    try:
        event = CloudEvent.model_validate(given)
    except ValidationError as error:
        raise InvalidRequest(errors=list(_errors(error, place))) from None
    unnamed = [name for name in event.model_extra or {} if re.fullmatch(ATTRIBUTE, name) is None]
    if "data_base64" in unnamed:
        remedy = "send it as data, a JSON object"
        raise InvalidRequest(
            errors=[FieldError(field=place.name_of("data_base64"), message="is not taken", remedy=remedy)]
        )
    if unnamed:
        message, remedy = "is no name of an attribute", "lower-case letters and digits alone"
        raise InvalidRequest(
            errors=[
                FieldError(field=place.name_of(name), message=message, remedy=remedy) for name in unnamed[:MAX_ERRORS]
            ]
        )
    return event


def read_batch(given: Sequence[object], known_types: Container[str]) -> list[EventsRequest | InvalidRequest]:
    """The requests that a batch of events becomes: one for each user, domain and options, as they first appear.

    Returns:
        requests, and the problem in the place of one of which an event is not valid. An event that does not say whose
        it is stands for itself.
    """
    groups = dict[object, list[tuple[CloudEvent, Place]]]()
    problems = dict[object, list[FieldError]]()
    for index, item in enumerate(given):
        place = Place(Mode.BATCHED, index)
        try:
            event = read_event(item, place)
        except InvalidRequest as problem:
            key: object = _whose(item) or place
            groups.setdefault(key, [])
            problems.setdefault(key, []).extend(problem.errors)
        else:
            groups.setdefault(_group(event), []).append((event, place))
    return [
        InvalidRequest(errors=problems[key][:MAX_ERRORS]) if key in problems else _request(members, known_types)
        for key, members in groups.items()
    ]


def behavior_of(event: CloudEvent, known_types: Container[str]) -> Behavior:
    """The behaviour that an event tells of."""
    data = event.data
    return Behavior.model_construct(
        event_id=event_id_of(event.source, event.id),
        type=_type_of(event, known_types),
        text=data.text,
        item_id=data.item_id,
        category=data.category,
        occurred_at=event.time,
        weight=data.weight,
        embedding=data.embedding,
    )


def event_id_of(source: str, event_id: str) -> str:
    """The id of an event's behaviour: source and id with a space between, which no source has; hashed where too long.

    By the specification it is both together that are unique: the same id from two sources names two events.
    """
    name = f"{source} {event_id}"
    return name if len(name) <= MAX_EVENT_ID_CHARACTERS else hashlib.sha256(name.encode()).hexdigest()


def _type_of(event: CloudEvent, known_types: Container[str]) -> str | None:
    """`com.example.shop.purchase.v2` → `purchase`. None where it is unknown, and the event has a weight of its own."""
    if event.type in known_types:
        return event.type
    parts = event.type.split(".")
    while len(parts) > 1 and _VERSION.fullmatch(parts[-1]):
        parts.pop()
    if parts[-1] in known_types or event.data.weight is None:
        return parts[-1]
    return None


def _errors(error: ValidationError, place: Place) -> Iterator[FieldError]:
    for item in error.errors(include_url=False)[:MAX_ERRORS]:
        told = field_error(item, "application/json")
        yield told.model_copy(update={"field": place.name_of(*item["loc"])})


def _group(event: CloudEvent) -> tuple[str, str, str]:
    options = event.data.options or DetectOptions.model_validate({})
    return event.subject, event.domain, options.model_dump_json()


def _whose(item: object) -> tuple[str, str, str] | None:
    """The group of an event that is not valid, as far as it says so."""
    if not isinstance(item, dict):
        return None
    data = item.get("data")
    # Only what groups: the rest is made up.
    made_up = {"specversion": "1.0", "id": "-", "source": "-", "type": "-", "time": "2026-01-01T00:00:00Z"}
    said = {name: item[name] for name in ("subject", "domain") if name in item}
    options = {"options": data.get("options")} if isinstance(data, dict) else {}
    try:
        return _group(CloudEvent.model_validate(made_up | said | {"data": options}))
    except ValidationError:
        return None


def _request(
    members: Sequence[tuple[CloudEvent, Place]], known_types: Container[str]
) -> EventsRequest | InvalidRequest:
    try:
        return EventsRequest.of([event for event, _ in members], [place for _, place in members], known_types)
    except InvalidRequest as problem:
        return problem
