"""The OpenAPI document: FastAPI's, with its own error schema replaced by problems on every operation."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from service.access.problems import KeyNeeded, LocalOnly, RateLimited, ScopeMissing
from service.access.scopes import NEEDS, Need
from service.cloud_events.document import event_schemas
from service.problems import (
    SCHEMA_NAME,
    BodyTooLarge,
    InternalError,
    InvalidRequest,
    Problem,
    ProblemDetails,
    responses,
)

FASTAPI_SCHEMAS = ("HTTPValidationError", "ValidationError")
SECURITY_SCHEME = "api_key"


def install_openapi(app: FastAPI) -> None:
    """Serve our document instead of FastAPI's. Made once, on demand."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = build_openapi(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to replace it


def build_openapi(app: FastAPI) -> dict[str, Any]:
    """The document of this app.

    Raises:
        ValueError: an operation without an explicit `operation_id`, after which generated clients would be named, or
            without an entry in `service.access.scopes.NEEDS`.
    """
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=app.description,
        routes=app.routes,
        webhooks=app.webhooks.routes,
    )
    for path, operations in document.get("paths", {}).items():
        for method, operation in operations.items():
            if operation["operationId"].endswith(f"_{method}"):
                raise ValueError(f"{method.upper()} {path} has no explicit operation_id")
            if operation["operationId"] not in NEEDS:
                raise ValueError(f"service.access.scopes does not say what {operation['operationId']} needs")
            need = NEEDS[operation["operationId"]]
            _declare_problems(operation, need)
            # For bearer tokens OpenAPI 3.1 has role names here.
            roles = [] if need == "key" else [need]
            operation["security"] = [] if need == "nothing" else [{SECURITY_SCHEME: roles}]
    for operations in document.get("webhooks", {}).values():
        for operation in operations.values():
            operation["responses"].pop("422", None)  # the framework's own: what a receiver refuses with is its affair
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in FASTAPI_SCHEMAS:
        schemas.pop(name, None)
    schemas.update(_problem_schemas())
    schemas.update(event_schemas())
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    document["components"]["securitySchemes"] = {
        SECURITY_SCHEME: {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "swerve_<id>_<secret>",
            "description": "An API key, made with `swerve keys create`, with the scope `ingest`, `read` or `admin`; "
            "`admin` may do everything. A service on which no key was ever made answers programs on its own machine "
            "without one.",
        }
    }
    return document


def _declare_problems(operation: dict[str, Any], need: Need) -> None:
    declared = operation["responses"]
    general: list[type[Problem]] = [InternalError]
    if need != "nothing":
        general += [KeyNeeded, ScopeMissing, LocalOnly, RateLimited]
    if "422" in declared:
        general.append(InvalidRequest)
    if "requestBody" in operation:
        general.append(BodyTooLarge)
    for status, response in responses(*general).items():
        if "application/json" in declared.get(str(status), {}).get("content", {}) or str(status) not in declared:
            declared[str(status)] = response
    operation["responses"] = dict(sorted(declared.items()))


def _problem_schemas() -> dict[str, Any]:
    schema = ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
    parts: dict[str, Any] = schema.pop("$defs")
    return parts | {SCHEMA_NAME: schema}
