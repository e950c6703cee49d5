"""schemathesis, with every check and in every phase, against the live service: document and service say the same.

Deterministic: the cases follow from the document alone.
"""

import base64
import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import pytest
import schemathesis
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError
from schemathesis import engine
from schemathesis.core.failures import AcceptedNegativeData, Failure
from schemathesis.engine import Status, events
from schemathesis.openapi.checks import RejectedPositiveData
from schemathesis.schemas import BaseSchema

from service.cloud_events.schemas import CloudEvent
from service.detect.schemas import DetectOptions, DetectRequest
from service.items.schemas import Attributes
from service.populations.schemas import MAX_BUCKETS
from service.settings import DEFAULT_BEHAVIOR_WEIGHTS
from tests.conftest import ROOT, Serve, Server, clean_environment

DIM = 384
EXAMPLES = 100
AHEAD = timedelta(days=1)
CONFIG = {
    "seed": 20,
    "continue-on-failure": True,
    "generation": {"deterministic": True, "max-examples": EXAMPLES, "no-shrink": True},
}
TIMES = st.datetimes(
    datetime(1970, 1, 2),  # noqa: DTZ001 - hypothesis wants its bounds so
    datetime(2026, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)

# The years are in the document as a pattern, which the generator would try to meet by chance.
schemathesis.openapi.format("date-time", TIMES.map(datetime.isoformat))


# It is schemathesis that asks for the representation of its own cases.
@pytest.mark.filterwarnings("ignore:Generating overly large repr")
def test_the_service_keeps_to_its_document(serve: Serve) -> None:
    server = serve()
    headers = {"Authorization": f"Bearer {make_key(server)}"}
    config = {**CONFIG, "headers": headers, "checks": {"enabled": True}}
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json", config=schemathesis.Config.from_dict(config))
    with httpx.Client(base_url=server.url, headers=headers, timeout=60) as client:

        @schema.hook
        def filter_failure(
            _: schemathesis.HookContext,
            failure: Failure,
            case: "schemathesis.Case[Any]",
            response: schemathesis.Response,
        ) -> bool:
            return is_failure(client, failure, case, response)

        failures, cases = run(schema.exclude(operation_id="stream_mutations"))  # which has no end
    assert not failures, "\n\n".join(failures)
    assert set(cases) == {"examples", "coverage", "fuzzing", "stateful"}
    # The document has a few examples; the rest is made up.
    assert min(cases[phase] for phase in ("coverage", "fuzzing", "stateful")) > EXAMPLES


def make_key(server: Server) -> str:
    """A key for everything, once the service asks for it."""
    command = [sys.executable, "-m", "service", "keys", "create", "--name", "contract", "--scope", "admin"]
    environment = clean_environment() | {"SWERVE_DATA_DIR": str(server.data_dir)}
    key = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout.strip()
    deadline = time.monotonic() + 60
    while server.client.get("/model").status_code != 401:
        assert time.monotonic() < deadline, "the service stays open though there is a key"
        time.sleep(0.1)
    return key


def run(schema: BaseSchema) -> tuple[list[str], Counter[str]]:
    """Every failure in words, and how many cases there were by phase."""
    failures, cases = list[str](), Counter[str]()
    for event in engine.from_schema(schema).execute():
        if isinstance(event, (events.NonFatalError, events.FatalError)):
            failures.append(str(event.value if isinstance(event, events.NonFatalError) else event.exception))
        if not isinstance(event, events.ScenarioFinished):
            continue
        cases[event.phase.value] += len(event.recorder.cases)
        for case, checks in event.recorder.checks.items():
            for check in checks:
                if check.status is Status.FAILURE and check.failure_info is not None:
                    told = event.recorder.interactions[case].response
                    said = "" if told is None else told.text[:500]
                    failures.append(
                        f"{event.recorder.label}: {check.failure_info.failure.title}\n{said}\n"
                        f"{check.failure_info.code_sample[:2000]}"
                    )
    return failures, +cases


def is_failure(
    client: httpx.Client, failure: Failure, case: "schemathesis.Case[Any]", response: schemathesis.Response
) -> bool:
    """Whether a failure is one: the document cannot say everything that two of the checks would need to know."""
    operation = case.operation.label
    if isinstance(failure, RejectedPositiveData) and response.json().get("type") == "/problems/idempotency-key-reused":
        # Cases share keys. Under one of its own the same body is taken, or is at fault for what is below.
        headers = {"Content-Type": str(case.media_type), "Idempotency-Key": str(uuid4())}
        again = client.post(case.formatted_path, content=json.dumps(case.body), headers=headers)
        errors = again.json().get("errors", [])
        return again.status_code != 200 and not (
            errors and all(is_beyond_the_document(case.body, error["field"]) for error in errors)
        )
    if isinstance(failure, RejectedPositiveData):
        return not is_rightly_refused(case, response.json())
    if isinstance(failure, AcceptedNegativeData) and operation == "POST /detect/batch":
        # Each entry stands for itself: one that is malformed is refused where its result would be, not by the status.
        if isinstance(case.body, list):
            return not each_malformed_event_is_refused(case.body, response.json())
        return not each_malformed_entry_is_refused(case.body, response.json())
    return True


def is_rightly_refused(case: "schemathesis.Case[Any]", problem: dict[str, Any]) -> bool:
    """Whether what was refused though the document allows it is really at fault, where no document can say so."""
    errors = problem.get("errors", [])
    fields = [error["field"] for error in errors]
    if is_of_many(case.body, errors):
        return True
    match case.operation.label.split(" ")[1].split("/")[1]:
        case "domains":
            return is_no_time(case.query or {})
        case "detect":
            # The length of vectors is the model's, the types are the settings', and what is the future is the clock's.
            return bool(fields) and all(is_beyond_the_document(case.body, field) for field in fields)
        case "items":
            # The length of vectors is the model's; that ids are not repeated, and how attributes are bounded.
            return bool(fields) and all(is_item_beyond_the_document(case.body, field) for field in fields)
        case "webhooks":
            # What an address leads to is known to the network alone, and base64 by its length is beyond a pattern.
            full = problem.get("type") == "/problems/too-many-webhooks"
            return full or (bool(fields) and set(fields) <= {"url", "secret"})
        case _:
            return False


def is_item_beyond_the_document(body: Any, field: str) -> bool:
    """Whether an item's field is really at fault, in one of the ways that no document can rule out."""
    named = re.fullmatch(r"items\[(\d+)\]\.(\w+)", field)
    if named is None:
        return False
    index, name = int(named[1]), named[2]
    item = body["items"][index]
    match name:
        case "embedding":
            return not is_vector(item["embedding"])
        case "item_id":
            return item["item_id"] in [other["item_id"] for other in body["items"][:index]]
        case "attributes":
            return not is_bounded(item["attributes"])
        case _:
            return False


def is_bounded(attributes: Any) -> bool:
    """Whether these may be an item's attributes."""
    try:
        TypeAdapter(Attributes).validate_python(attributes)
    except ValidationError:
        return False
    return True


def is_no_time(query: dict[str, Any]) -> bool:
    """Whether the two times are not in order, or have too many stretches between them."""
    until = datetime.fromisoformat(query["until"]) if query.get("until") else datetime.now(UTC)
    since = datetime.fromisoformat(query["since"]) if query.get("since") else until - 7 * AHEAD
    width = timedelta(hours=1) if query.get("bucket") == "hour" else timedelta(days=1)
    return since >= until or (until - since) / width > MAX_BUCKETS


def is_of_many(body: Any, errors: list[dict[str, Any]]) -> bool:
    """Whether a request about one user was refused since its events really are about several."""
    return (
        [error["field"] for error in errors] == ["body"]
        and isinstance(body, list)
        and len(groups(map(CloudEvent.model_validate, body))) > 1
    )


def groups(events: Iterable[CloudEvent]) -> set[tuple[str, str, str]]:
    """Users, domains and options of events, of which each is a request."""
    return {
        (event.subject, event.domain, str(event.data.options or DetectOptions.model_validate({}))) for event in events
    }


def each_malformed_event_is_refused(sent: list[Any], told: Any) -> bool:
    """Whether the answer names every event that is malformed."""
    refused = {
        error["field"].partition("]")[0]
        for item in told["results"]
        if item["problem"]
        for error in item["problem"]["errors"]
    }
    return all(is_well_formed(event, CloudEvent) or f"[{index}" in refused for index, event in enumerate(sent))


def as_behavior(body: Any, field: str) -> tuple[Any, str] | None:
    """The behaviour that a field's name in a problem is of, and what the field is called in it."""
    if isinstance(body, dict) and "behaviors" in body:
        named = re.fullmatch(r"behaviors\[(\d+)\]\.(\w+)", field)
        return None if named is None else (body["behaviors"][int(named[1])], named[2])
    named = re.fullmatch(r"(?:\[(\d+)\]\.)?(?:data\.)?(\w+)", field)
    if named is None:
        return None
    event = body if named[1] is None else body[int(named[1])]
    behavior = event["data"] | {"type": event["type"].rpartition(".")[2], "occurred_at": event["time"]}
    return behavior, named[2].replace("time", "occurred_at")


def is_beyond_the_document(body: Any, field: str) -> bool:
    """Whether a behaviour's field is really at fault, in one of the three ways that no document can rule out."""
    found = as_behavior(body, field)
    if found is None:
        return False
    behavior, name = found
    match name:
        case "embedding":
            return not is_vector(behavior["embedding"])
        case "type":
            return behavior["type"] not in DEFAULT_BEHAVIOR_WEIGHTS and behavior.get("weight") is None
        case "occurred_at":
            return datetime.fromisoformat(behavior["occurred_at"]) > datetime.now(UTC) + AHEAD
    return False


def is_vector(given: Any) -> bool:
    """Whether this is a vector of the model's size that has a direction."""
    if isinstance(given, str):
        try:
            data = base64.b64decode(given, validate=True)
        except ValueError:
            return False
        if len(data) != 4 * DIM:
            return False
        given = np.frombuffer(data, "<f4")
    numbers = np.asarray(given, np.float64)
    with np.errstate(over="ignore"):
        length = float(np.linalg.norm(numbers))
    return numbers.shape == (DIM,) and bool(np.isfinite(length)) and length > 1e-12


def each_malformed_entry_is_refused(sent: Any, told: Any) -> bool:
    """Whether the batch is well-formed as a whole, and its answer has a problem in the place of each bad entry."""
    if set(sent) != {"requests"} or len(told["results"]) != len(sent["requests"]):
        return False
    return all(
        is_well_formed(request) or (result["problem"] or {}).get("status") == 422
        for request, result in zip(sent["requests"], told["results"], strict=True)
    )


def is_well_formed(request: Any, form: type[BaseModel] = DetectRequest) -> bool:
    """Whether the form of one request is right, which says nothing of what needs the model, settings or clock."""
    try:
        form.model_validate(request)
    except ValidationError:
        return False
    return True
