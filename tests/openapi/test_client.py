"""The live service through the generated client alone."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from uuid import uuid4

import pytest
from swerve_client import AuthenticatedClient
from swerve_client.api.detect import detect, detect_batch
from swerve_client.api.encode import encode
from swerve_client.api.populations import get_domain_mutations
from swerve_client.api.system import get_livez, get_model, get_readyz
from swerve_client.api.users import delete_user, get_history, get_interest
from swerve_client.models import (
    BatchRequest,
    BatchResponse,
    Behavior,
    CloudEvent,
    DetectOptions,
    DetectRequest,
    DetectResponse,
    DomainMutations,
    EncodeRequest,
    EncodeResponse,
    EventData,
    Liveness,
    LoadedModel,
    ProblemDetails,
    Readiness,
    Snapshot,
    SnapshotPage,
)

from tests.conftest import Server

KEYLESS = "none"
"""The shared service has no keys, so it asks for none."""

START = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[AuthenticatedClient]:
    with AuthenticatedClient(base_url=server.url, token=KEYLESS) as client:
        yield client


@pytest.fixture
def user() -> str:
    return f"client-{uuid4()}"


def behaviors(texts: list[str]) -> list[Behavior]:
    return [Behavior(text=text, occurred_at=START + timedelta(hours=6 * n)) for n, text in enumerate(texts)]


def test_detect_then_history_then_erasure(client: AuthenticatedClient, themes: dict[str, list[str]], user: str) -> None:
    texts = themes["cooking"] + themes["astronomy"][:15]
    answer = detect.sync(client=client, body=DetectRequest(user_id=user, behaviors=behaviors(texts)))
    assert isinstance(answer, DetectResponse)
    assert answer.mutated
    assert answer.change.changed_at is not None
    assert abs(answer.change.changed_at - (START + timedelta(hours=6 * 24))) <= timedelta(hours=18)

    latest = get_interest.sync(user, client=client, include=["vectors"])
    assert isinstance(latest, Snapshot)
    assert latest.snapshot_id == answer.snapshot_id
    assert latest.interest == answer.interest

    page = get_history.sync(user, client=client, mutated_only=True, limit=10)
    assert isinstance(page, SnapshotPage)
    assert [item.change for item in page.items] == answer.changes

    assert delete_user.sync_detailed(user, client=client).status_code == HTTPStatus.NO_CONTENT
    gone = get_interest.sync_detailed(user, client=client)
    assert gone.status_code == HTTPStatus.NOT_FOUND
    assert isinstance(gone.parsed, ProblemDetails)
    assert gone.parsed.type_ == "/problems/unknown-user"


def test_options_and_batch(client: AuthenticatedClient, themes: dict[str, list[str]], user: str) -> None:
    options = DetectOptions(detector="window", include=["topics"], persist=False)
    one = DetectRequest(user_id=user, behaviors=behaviors(themes["guitar"]), options=options)
    answer = detect_batch.sync(client=client, body=BatchRequest(requests=[one, one]))
    assert isinstance(answer, BatchResponse)
    for item in answer.results:
        assert isinstance(item.result, DetectResponse)
        assert (item.result.change.detector, item.result.interest) == ("window", None)


def test_events_as_one_and_as_a_batch(client: AuthenticatedClient, user: str) -> None:
    first, second = (
        CloudEvent(
            specversion="1.0",
            id=f"{n}",
            source="/shop",
            type_="com.example.shop.purchase",
            subject=user,
            time=START + timedelta(hours=n),
            data=EventData(text="pasta"),
        )
        for n in range(2)
    )
    answer = detect.sync(client=client, body=first)
    assert isinstance(answer, DetectResponse)
    assert answer.accepted == 1
    answers = detect_batch.sync(client=client, body=[first, second])
    assert isinstance(answers, BatchResponse)
    (item,) = answers.results
    assert isinstance(item.result, DetectResponse)
    assert (item.result.accepted, item.result.duplicates) == (1, 1)


def test_populations(client: AuthenticatedClient) -> None:
    told = get_domain_mutations.sync("nowhere", client=client, bucket="hour")
    assert isinstance(told, DomainMutations)
    assert (told.changes, told.shifts) == (0, [])


def test_encode(client: AuthenticatedClient) -> None:
    answer = encode.sync(client=client, body=EncodeRequest(texts=["trail running shoes", "jogging"]))
    assert isinstance(answer, EncodeResponse)
    assert [len(vector) for vector in answer.vectors] == [answer.dim] * 2


def test_system(client: AuthenticatedClient) -> None:
    assert isinstance(get_livez.sync(client=client), Liveness)
    assert isinstance(get_readyz.sync(client=client), Readiness)
    model = get_model.sync(client=client)
    assert isinstance(model, LoadedModel)
    assert (model.id, model.dim, model.precision) == ("all-MiniLM-L6-v2", 384, "fp32")


def test_a_bad_request_is_a_problem_with_its_field(client: AuthenticatedClient, user: str) -> None:
    answer = detect.sync(client=client, body=DetectRequest(user_id=user, behaviors=behaviors([""])))
    assert isinstance(answer, ProblemDetails)
    assert isinstance(answer.errors, list)
    assert [error.field for error in answer.errors] == ["behaviors[0].text"]


async def _async_detect(client: AuthenticatedClient, user: str) -> object:
    return await detect.asyncio(client=client, body=DetectRequest(user_id=user, behaviors=behaviors(["pasta"])))


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_the_asynchronous_half(server: Server, user: str) -> None:
    async with AuthenticatedClient(base_url=server.url, token=KEYLESS) as client:
        answer = await _async_detect(client, user)
    assert isinstance(answer, DetectResponse)
    assert answer.accepted == 1
