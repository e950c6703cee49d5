"""Every way for a request to fail answers problem+json, and OpenAPI says so."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, FiniteFloat, field_validator
from sqlalchemy.exc import InterfaceError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from service.access.scopes import NEEDS
from service.database.engine import DatabaseAwayError
from service.encoder import EncoderSaturatedError
from service.openapi import install_openapi
from service.problem_handlers import MAX_FIELD_ERRORS, field_error, install_handlers
from service.problems import (
    MEDIA_TYPE,
    BodyTooLarge,
    Check,
    DatabaseUnavailable,
    InternalError,
    InvalidRequest,
    NotReady,
    Problem,
    Saturated,
    UnknownUser,
    responses,
)

pytestmark = pytest.mark.anyio

ALL = [UnknownUser, InvalidRequest, BodyTooLarge, NotReady, Saturated, DatabaseUnavailable, InternalError]


class Behavior(BaseModel):
    model_config = ConfigDict(extra="forbid")
    text: str = Field(min_length=1)
    occurred_at: AwareDatetime
    embedding: list[FiniteFloat] | None = None

    @field_validator("text")
    @classmethod
    def _no_secret(cls, text: str) -> str:
        if text == "bad":
            raise ValueError("must not be bad")
        return text


class Body(BaseModel):
    behaviors: list[Behavior]


RAISED: dict[str, Exception] = {
    "unknown": UnknownUser(),
    "not-ready": NotReady(checks=[Check(name="model", ok=False, detail="cold")], retry_after=7),
    "saturated": EncoderSaturatedError(3),
    "away": DatabaseAwayError("gone"),
    "operational": OperationalError("SELECT 1", {}, Exception("gone")),
    "interface": InterfaceError("SELECT 1", {}, Exception("gone")),
    "pool": PoolTimeoutError("no connection"),
    "refused": ConnectionRefusedError("refused"),
    "programming": ProgrammingError("SELECT secret", {}, asyncpg.UndefinedTableError("secret")),
    "file": FileNotFoundError("/secret/path"),
    "bug": KeyError("secret"),
}


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    for operation in ("post_detect", "get_raise", "get_plain"):
        monkeypatch.setitem(NEEDS, operation, "nothing")
    app = FastAPI(title="test", version="1")
    install_handlers(app)
    install_openapi(app)

    @app.post("/detect", operation_id="post_detect", responses=responses(Saturated, DatabaseUnavailable))
    async def detect(body: Body) -> int:
        return len(body.behaviors)

    @app.get("/raise/{name}", operation_id="get_raise", responses=responses(UnknownUser))
    async def fail(name: str, limit: Annotated[int, Query(ge=1)] = 1) -> int:
        raise RAISED[name] if limit else AssertionError

    @app.get("/plain", operation_id="get_plain")
    async def plain() -> datetime | None:
        return None

    return app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


def problem_of(response: httpx.Response) -> dict[str, Any]:
    assert response.headers["content-type"] == MEDIA_TYPE
    body: dict[str, Any] = response.json()
    assert body["status"] == response.status_code
    assert set(body) <= {"type", "title", "status", "detail", "request_id", "errors", "checks"}
    return body


async def post(
    client: httpx.AsyncClient, content: bytes | str, content_type: str = "application/json"
) -> dict[str, Any]:
    response = await client.post("/detect", content=content, headers={"Content-Type": content_type})
    assert response.status_code == 422
    body = problem_of(response)
    assert body["type"] == "/problems/invalid-request"
    return body


def one(more: str = "", *, text: str = "a") -> str:
    """A body with one behaviour, its text and more fields as JSON."""
    return f'{{"behaviors": [{{"text": "{text}", "occurred_at": "2026-01-05T10:00:00Z"{more and f", {more}"}}}]}}'


@pytest.mark.parametrize(
    ("content", "field", "message"),
    [
        (
            '{"behaviors": [{"text": "a", "occurred_at": "2026-01-05T10:00:00"}]}',
            "behaviors[0].occurred_at",
            "timezone",
        ),
        (one(text=""), "behaviors[0].text", "at least 1"),
        (one(text="bad"), "behaviors[0].text", "must not be bad"),
        (one(text="\\ud83d"), "behaviors[0].text", "unicode"),
        (one('"embedding": [NaN]'), "behaviors[0].embedding[0]", "finite"),
        (one('"\\u0007b": 1'), "behaviors[0].\\u0007b", "Extra"),
        (one('"\\ud83d": 1'), "behaviors[0]", "unicode"),
        ('{"behaviors": 7}', "behaviors", "valid list"),
        ("[]", "body", "valid dictionary"),
        ("{", "body", "is not JSON"),
        ("", "body", "required"),
        (b'{"behaviors": "\xff\xfe"}', "body", "is not UTF-8 from byte 15"),
        ("[" * 200_000, "body", "nested too deeply"),
        ('{"behaviors": ' + "9" * 5000 + "}", "body", "cannot be read"),
    ],
    ids=[
        "naive",
        "empty",
        "validator",
        "surrogate",
        "nan",
        "odd-name",
        "surrogate-name",
        "type",
        "list",
        "broken",
        "none",
        "latin",
        "deep",
        "huge-number",
    ],
)
async def test_a_bad_body_names_the_field(
    client: httpx.AsyncClient, content: bytes | str, field: str, message: str
) -> None:
    errors = (await post(client, content))["errors"]
    assert errors[0]["field"] == field
    assert message in errors[0]["message"]


async def test_what_was_sent_is_never_sent_back(client: httpx.AsyncClient) -> None:
    body = await post(client, '{"behaviors": [{"text": "a", "occurred_at": "private words"}]}')
    assert "private" not in str(body)


def test_the_one_message_of_pydantics_that_repeats_the_input_is_replaced() -> None:
    item = {
        "type": "union_tag_invalid",
        "loc": ("body",),
        "msg": "Input tag 'private' found using 'kind' does not match any of the expected tags: 'a', 'b'",
        "ctx": {"tag": "private", "expected_tags": "'a', 'b'"},
    }
    assert field_error(item, "application/json").message == "Input tag is not one of the expected 'a', 'b'"


async def test_a_body_of_another_type_says_what_to_send(client: httpx.AsyncClient) -> None:
    [error] = (await post(client, "a=1", "application/x-www-form-urlencoded"))["errors"]
    assert error["field"] == "body"
    assert "Content-Type: application/json" in error["remedy"]


async def test_a_thousand_faults_are_cut_short(client: httpx.AsyncClient) -> None:
    body = await post(client, '{"behaviors": [' + ",".join(["{}"] * 600) + "]}")
    assert len(body["errors"]) == MAX_FIELD_ERRORS
    assert f"{1200 - MAX_FIELD_ERRORS} more" in body["detail"]


async def test_a_bad_parameter_names_it(client: httpx.AsyncClient) -> None:
    response = await client.get("/raise/bug", params={"limit": 0})
    assert [error["field"] for error in problem_of(response)["errors"]] == ["limit"]


@pytest.mark.parametrize(
    ("name", "status", "kind"),
    [
        ("unknown", 404, "unknown-user"),
        ("not-ready", 503, "not-ready"),
        ("saturated", 503, "saturated"),
        ("away", 503, "database-unavailable"),
        ("operational", 503, "database-unavailable"),
        ("interface", 503, "database-unavailable"),
        ("pool", 503, "database-unavailable"),
        ("refused", 503, "database-unavailable"),
        ("programming", 500, "internal-error"),
        ("file", 500, "internal-error"),
        ("bug", 500, "internal-error"),
    ],
)
async def test_exceptions_become_problems(client: httpx.AsyncClient, name: str, status: int, kind: str) -> None:
    response = await client.get(f"/raise/{name}")
    body = problem_of(response)
    assert (response.status_code, body["type"]) == (status, f"/problems/{kind}")
    assert ("retry-after" in response.headers) == (status == 503)
    assert "secret" not in response.text


async def test_retry_after_is_the_encoders_own(client: httpx.AsyncClient) -> None:
    assert (await client.get("/raise/saturated")).headers["retry-after"] == "3"
    ready = await client.get("/raise/not-ready")
    assert ready.headers["retry-after"] == "7"
    assert problem_of(ready)["checks"] == [{"name": "model", "ok": False, "detail": "cold"}]


async def test_what_the_framework_refuses_is_a_problem_too(client: httpx.AsyncClient) -> None:
    missing = await client.get("/nowhere")
    assert (missing.status_code, problem_of(missing)["title"]) == (404, "Not Found")
    wrong = await client.delete("/detect")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    assert problem_of(wrong)["type"] == "about:blank"


@pytest.mark.parametrize("kind", ALL)
def test_the_example_in_openapi_is_what_is_raised(kind: type[Problem]) -> None:
    declared = responses(kind)[kind.status]
    [example] = declared["content"][MEDIA_TYPE]["examples"].values()
    assert example["value"] == kind().details().model_dump(exclude_none=True)
    assert ("Retry-After" in declared.get("headers", {})) == ("Retry-After" in kind().headers)


def test_openapi_declares_every_error_and_nothing_of_fastapis(app: FastAPI) -> None:
    document = app.openapi()
    assert not {"HTTPValidationError", "ValidationError"} & set(document["components"]["schemas"])
    assert {"ProblemDetails", "FieldError", "Check"} <= set(document["components"]["schemas"])
    paths = document["paths"]
    assert set(paths["/detect"]["post"]["responses"]) == {"200", "413", "422", "500", "503"}
    assert set(paths["/raise/{name}"]["get"]["responses"]) == {"200", "404", "422", "500"}
    assert set(paths["/plain"]["get"]["responses"]) == {"200", "500"}
    errors = [
        response
        for path in paths.values()
        for operation in path.values()
        for status, response in operation["responses"].items()
        if status != "200"
    ]
    assert all(list(response["content"]) == [MEDIA_TYPE] for response in errors)
    both = paths["/detect"]["post"]["responses"]["503"]["content"][MEDIA_TYPE]["examples"]
    assert set(both) == {"saturated", "database-unavailable"}


def test_an_operation_without_its_own_id_is_refused(app: FastAPI) -> None:
    @app.get("/nameless")
    async def nameless() -> int:
        return 1

    with pytest.raises(ValueError, match="GET /nameless has no explicit operation_id"):
        app.openapi()
