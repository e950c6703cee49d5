"""Turns every exception that can leave a request into a problem."""

import http
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import compile_path

from service.database.engine import DatabaseAwayError, is_away, sqlstate
from service.encoder.contract import EncoderSaturatedError
from service.problems import (
    DatabaseUnavailable,
    FieldError,
    InternalError,
    InvalidRequest,
    Problem,
    Saturated,
    http_problem,
)
from service.security_headers import HEADERS
from service.system.service import ReadinessProbe

logger = logging.getLogger(__name__)

MAX_FIELD_ERRORS = 100
"""A request with a thousand bad behaviours need not be answered with a thousand lines."""

MAX_NAME_CHARACTERS = 64


def install_handlers(app: FastAPI) -> None:
    """Answer every error of this app with a problem."""
    app.add_exception_handler(Exception, _unexpected)
    for kind, handler in {
        Problem: _problem,
        RequestValidationError: _invalid,
        HTTPException: _http,
        EncoderSaturatedError: _saturated,
        DatabaseAwayError: _database,
        SQLAlchemyError: _database,
        ConnectionError: _database,
    }.items():
        app.add_exception_handler(kind, handler)


async def _problem(_: Request, error: Exception) -> Response:
    if not isinstance(error, Problem):
        raise error
    return error.response()


async def _invalid(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    found = error.errors()
    errors = [field_error(item, request.headers.get("content-type")) for item in found[:MAX_FIELD_ERRORS]]
    left_out = len(found) - len(errors)
    detail = f"{InvalidRequest.default_detail} {left_out} more are left out." if left_out else None
    return InvalidRequest(detail, errors=errors).response()


async def _http(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == http.HTTPStatus.BAD_REQUEST and error.__cause__ is not None:
        return InvalidRequest(errors=[_unreadable(error.__cause__)]).response()
    title = http.HTTPStatus(error.status_code).phrase
    headers = error.headers
    if error.status_code == http.HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = _allowed(request)
        if request.method not in allowed:  # else a route took it, and said itself what is allowed
            headers = {**(headers or {}), "Allow": ", ".join(sorted(allowed))}
    return http_problem(error.status_code, title, detail=str(error.detail), headers=headers).response()


def _allowed(request: Request) -> set[str]:
    """The methods that the document has for the path. The framework tells those of the first operation alone."""
    path, methods = request.scope["path"], dict[str, set[str]]()
    for route in iter_route_contexts(request.app.routes):
        if route.path is not None and compile_path(route.path)[0].match(path):
            methods.setdefault(route.path, set()).update(route.methods or ())
    return next(iter(methods.values()), set())


async def _saturated(_: Request, error: Exception) -> Response:
    retry_after = error.retry_after if isinstance(error, EncoderSaturatedError) else 1
    return Saturated(retry_after=retry_after, reason="encoder_saturated").response()


async def _database(request: Request, error: Exception) -> Response:
    if not is_away(error):
        raise error  # a fault of ours: answered and logged as any other
    return database_away(request.app, error)


def database_away(app: FastAPI, error: Exception) -> Response:
    """The answer to a request that found the database away, which is logged, and makes readiness be looked at anew."""
    # Not the message, which may repeat what was sent; that of a lost connection is our own.
    cause = str(error) if isinstance(error, DatabaseAwayError) else type(error).__name__
    logger.warning("the database is away: %s", cause, extra={"sqlstate": sqlstate(error)})
    probe: ReadinessProbe | None = getattr(app.state, "readiness", None)
    if probe is not None:
        probe.doubt()
    return DatabaseUnavailable().response()


async def _unexpected(request: Request, _: Exception) -> Response:
    # Only for what is raised outside of the middleware, which else answers, and adds headers; the server logs it.
    request_id = _request_id(request)
    return InternalError(headers=HEADERS | {"X-Request-Id": request_id}, request_id=request_id).response()


def _request_id(request: Request) -> str:
    return str(getattr(request.state, "request_id", "-"))


def _unreadable(cause: BaseException) -> FieldError:
    if isinstance(cause, UnicodeDecodeError):
        return FieldError(field="body", message=f"is not UTF-8 from byte {cause.start}", remedy="encode it as UTF-8")
    if isinstance(cause, RecursionError):
        return FieldError(field="body", message="is nested too deeply")
    return FieldError(field="body", message="cannot be read")


def field_error(item: Mapping[str, Any], content_type: str | None) -> FieldError:
    """One of pydantic's errors, without the input that it carries."""
    location = tuple(item["loc"])
    if item["type"] == "json_invalid":
        reason = item.get("ctx", {}).get("error", "syntax error")
        return FieldError(field="body", message=f"is not JSON: {reason} at character {location[-1]}")
    if location == ("body",) and "json" not in (content_type or "").lower():
        return FieldError(
            field="body",
            message="was not sent as JSON",
            remedy="send a JSON object with Content-Type: application/json",
        )
    return FieldError(field=field_name(location), message=_message(item))


def _message(item: Mapping[str, Any]) -> str:
    if item["type"] == "union_tag_invalid":  # the only message of pydantic's that repeats the input
        expected = item.get("ctx", {}).get("expected_tags", "")
        return f"Input tag is not one of the expected {expected}"
    return printable(str(item["msg"]).removeprefix("Value error, "))


def field_name(location: Sequence[int | str]) -> str:
    """`("body", "behaviors", 0, "text")` → `behaviors[0].text`."""
    if location and location[0] in {"body", "query", "path", "header"} and len(location) > 1:
        location = location[1:]
    name = ""
    for part in location:
        if isinstance(part, int):
            name += f"[{part}]"
        else:
            name += ("." if name else "") + printable(part, MAX_NAME_CHARACTERS)
    return name


def printable(text: str, limit: int = 500) -> str:
    """The text shortened, its control characters and half surrogates escaped."""
    short = text if len(text) <= limit else text[:limit] + "…"
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in short)
