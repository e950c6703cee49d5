"""Errors as clients see them: `application/problem+json` (RFC 9457), raised and declared from the same place.

A `Problem` subclass is at once what is raised and, through `responses`, what OpenAPI says, so the two cannot drift.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import BaseModel, Field
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

MEDIA_TYPE = "application/problem+json"
SCHEMA_NAME = "ProblemDetails"


class FieldError(BaseModel):
    """One thing wrong with one field of the request."""

    field: str = Field(description="The field, such as `behaviors[0].occurred_at`; `body` for the body as a whole.")
    message: str = Field(description="What is wrong with it.")
    remedy: str | None = Field(default=None, description="What to send instead.")


class Check(BaseModel):
    """One of the things that must be right before the service can serve."""

    name: str
    ok: bool
    detail: str | None = Field(default=None, description="What is wrong, or what was found.")


class ProblemDetails(BaseModel):
    """An error, after RFC 9457. `type` is stable: programs decide by it, people read `detail`."""

    type: str = Field(description="A URI reference that names the kind of problem, such as `/problems/unknown-user`.")
    title: str = Field(description="The kind of problem in words; the same for every occurrence.")
    status: int = Field(description="The HTTP status, repeated.")
    detail: str = Field(description="This occurrence, and what to do about it.")
    request_id: str | None = Field(default=None, description="Where the fault is ours: what the log has it under.")
    errors: list[FieldError] | None = Field(default=None, description="Where the request is at fault, each field.")
    checks: list[Check] | None = Field(default=None, description="Where the service is not ready, each check.")


class Problem(Exception):  # noqa: N818 - it and its subclasses are named as clients see them
    """An error with its HTTP status. Subclasses fix `status`, `type` and `title`; raise them from anywhere.

    Args:
        detail: this occurrence, and what to do about it; never what the client sent.
        errors: the fields at fault.
        checks: what is not ready.
        retry_after: seconds after which a new try is worth making, sent as `Retry-After`.
        headers: more headers of the response.
        reason: the cause in metrics and logs, a word of few; by default `type`'s last part.
        request_id: what the log has it under.
    """

    status: ClassVar[int] = 500
    type: ClassVar[str] = "/problems/internal-error"
    title: ClassVar[str] = "Internal error"
    default_detail: ClassVar[str] = "Something went wrong here. The log has it under this response's X-Request-Id."
    retries: ClassVar[bool] = False
    """Whether such a response says `Retry-After`."""

    def __init__(
        self,
        detail: str | None = None,
        *,
        errors: Sequence[FieldError] = (),
        checks: Sequence[Check] = (),
        retry_after: int = 1,
        headers: Mapping[str, str] | None = None,
        reason: str | None = None,
        request_id: str | None = None,
    ) -> None:
        self.detail = self.default_detail if detail is None else detail
        self.errors = list(errors)
        self.checks = list(checks)
        self.headers = dict(headers or {})
        self.reason = self.type.rpartition("/")[2].replace("-", "_") if reason is None else reason
        self.request_id = request_id
        if self.retries:
            self.headers.setdefault("Retry-After", str(max(1, retry_after)))
        super().__init__(self.detail)

    def details(self) -> ProblemDetails:
        """The body of the response."""
        return ProblemDetails(
            type=self.type,
            title=self.title,
            status=self.status,
            detail=self.detail,
            request_id=self.request_id,
            errors=self.errors or None,
            checks=self.checks or None,
        )

    def response(self) -> Response:
        """The whole response. Escapes what UTF-8 cannot carry, such as half of a surrogate pair in a field's name."""
        return ProblemResponse(self)


class ProblemResponse(Response):
    """A problem as it is sent. Leaves it in the request's `state`, where metrics, traces and logs find it."""

    media_type = MEDIA_TYPE

    def __init__(self, problem: Problem) -> None:
        content = json.dumps(problem.details().model_dump(exclude_none=True), ensure_ascii=True, allow_nan=False)
        super().__init__(content, status_code=problem.status, headers=problem.headers)
        self._problem = problem

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        scope.setdefault("state", {})["problem"] = self._problem
        await super().__call__(scope, receive, send)


class UnknownUser(Problem):
    """Nothing is known of this user in this domain."""

    status = 404
    type = "/problems/unknown-user"
    title = "Unknown user"
    default_detail = "Nothing is known of this user in this domain. Post behaviours to /detect first."


class UnknownItem(Problem):
    """There is no such item in this domain's catalogue."""

    status = 404
    type = "/problems/unknown-item"
    title = "Unknown item"
    default_detail = "There is no such item in this domain's catalogue. Send it to PUT /items first."


class InvalidRequest(Problem):
    """The request breaks the contract; `errors` names the fields."""

    status = 422
    type = "/problems/invalid-request"
    title = "Invalid request"
    default_detail = "The request is not valid; nothing was stored. See errors."


class PrivacyBudgetSpent(Problem):
    """More vectors of this user were asked for than may leave the service in this time."""

    status = 429
    type = "/problems/privacy-budget-spent"
    title = "Privacy budget spent"
    default_detail = (
        "The vectors asked for are more than this user's privacy budget has room for now. Leave include=vectors out, "
        "ask for fewer snapshots, or try again after Retry-After; vectors that left before cost nothing."
    )
    retries = True


class IdempotencyKeyInProgress(Problem):
    """A request with this Idempotency-Key is being carried out right now."""

    status = 409
    type = "/problems/idempotency-key-in-progress"
    title = "Idempotency-Key in progress"
    default_detail = (
        "The first request with this Idempotency-Key has not been answered yet. Send the same request again after "
        "Retry-After: it gets the first one's answer."
    )
    retries = True


class IdempotencyKeyReused(Problem):
    """This Idempotency-Key came with another body before."""

    status = 422
    type = "/problems/idempotency-key-reused"
    title = "Idempotency-Key reused"
    default_detail = (
        "This Idempotency-Key was used with another body; nothing was stored now. Give each request a key of its own."
    )


class BodyTooLarge(Problem):
    """The body is over the limit."""

    status = 413
    type = "/problems/body-too-large"
    title = "Body too large"
    default_detail = "The body is larger than this service accepts. Split it, or have SWERVE_MAX_BODY_BYTES raised."


class NotReady(Problem):
    """The service cannot serve yet, or no longer; `checks` says why."""

    status = 503
    type = "/problems/not-ready"
    title = "Not ready"
    default_detail = "The service is not ready. See checks."
    retries = True


class Saturated(Problem):
    """More work is waiting than the service can take."""

    status = 503
    type = "/problems/saturated"
    title = "Saturated"
    default_detail = "Too much work is waiting. Nothing was stored; send the same request again after Retry-After."
    retries = True


class ClientGone(Problem):
    """The client closed the connection before its turn came; nobody reads this."""

    status = 499
    type = "/problems/client-gone"
    title = "Client gone"
    default_detail = "The client closed the connection. Nothing was stored."


class DatabaseUnavailable(Problem):
    """Postgres is away or overloaded."""

    status = 503
    type = "/problems/database-unavailable"
    title = "Database unavailable"
    default_detail = (
        "The database cannot be used right now. Send the same request again after Retry-After: behaviours that were "
        "stored after all count as duplicates."
    )
    retries = True


class InternalError(Problem):
    """A fault of ours. Says nothing of what is inside."""


def http_problem(status: int, title: str, *, detail: str = "", headers: Mapping[str, str] | None = None) -> Problem:
    """A problem with no kind of its own, such as 404 for a path that does not exist. RFC 9457's type: `about:blank`."""
    kind = type(f"Http{status}", (Problem,), {"status": status, "type": "about:blank", "title": title})
    made: Problem = kind(detail or title, headers=headers, reason=f"http_{status}")
    return made


def responses(*problems: type[Problem]) -> dict[int | str, dict[str, Any]]:
    """What FastAPI's `responses=` takes, to declare that an operation may answer with these problems."""
    declared: dict[int | str, dict[str, Any]] = {}
    for problem in sorted(problems, key=lambda kind: (kind.status, kind.type)):
        response = declared.setdefault(problem.status, {"description": "", "content": {MEDIA_TYPE: _content()}})
        response["description"] = " ".join(filter(None, [response["description"], _sentence(problem)]))
        example = {"summary": problem.title, "value": problem().details().model_dump(exclude_none=True)}
        response["content"][MEDIA_TYPE]["examples"][problem.type.rpartition("/")[2]] = example
        if problem.retries:
            response["headers"] = {
                "Retry-After": {
                    "description": "Seconds after which to try again.",
                    "schema": {"type": "integer", "minimum": 1},
                }
            }
    return declared


def _content() -> dict[str, Any]:
    return {"schema": {"$ref": f"#/components/schemas/{SCHEMA_NAME}"}, "examples": {}}


def _sentence(problem: type[Problem]) -> str:
    return f"{problem.title} (`{problem.type}`): {(problem.__doc__ or '').splitlines()[0]}"
