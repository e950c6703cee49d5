"""What the OpenAPI document says of bodies that are events, beside the plain ones."""

from typing import Any

from service.cloud_events.modes import BATCHED, STRUCTURED
from service.cloud_events.schemas import CloudEvent

SCHEMA_NAME = "CloudEvent"
_EVENT = {"$ref": f"#/components/schemas/{SCHEMA_NAME}"}
_BATCH = {"type": "array", "items": _EVENT, "minItems": 1, "title": "CloudEvents"}


def _bodies(schemas: dict[str, dict[str, Any]]) -> dict[str, Any]:
    content = {content_type: {"schema": schema} for content_type, schema in schemas.items()}
    return {"requestBody": {"content": content}}


EVENTS = _bodies({STRUCTURED: _EVENT, BATCHED: _BATCH})
"""Of an operation that takes one event, or several of one user."""

BATCHES = _bodies({BATCHED: _BATCH})
"""Of an operation that takes events of many users."""


def event_schemas() -> dict[str, Any]:
    """The schemas that these bodies refer to, by name."""
    schema = CloudEvent.model_json_schema(ref_template="#/components/schemas/{model}")
    parts: dict[str, Any] = schema.pop("$defs")
    return parts | {SCHEMA_NAME: schema}
