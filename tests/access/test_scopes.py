"""Every operation of the document, with every scope and without a key."""

import json
from typing import Any

import pytest
from fastapi.routing import iter_route_contexts

from service.access.operations import Operations
from service.access.scopes import NEEDS, SCOPES, Scope
from service.app import create_app
from service.settings import Settings
from tests.access.conftest import Access

pytestmark = pytest.mark.anyio

DOCUMENT = create_app(Settings.model_construct()).openapi()
NOWHERE = {"{user_id}": "nobody", "{item_id}": "nothing", "{domain}": "nowhere"}


def filled_in(path: str) -> str:
    for name, value in NOWHERE.items():
        path = path.replace(name, value)
    return path


OPERATIONS = {
    operation["operationId"]: (method.upper(), filled_in(path), operation)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
}
PUBLIC = {"get_livez", "get_readyz"}
ANY_KEY = {"get_metrics", "get_model"}
"""Who may be asked without a scope is said here once more: opening an operation takes two changes."""
UNENDING = {"stream_mutations": {"Last-Event-ID": "none"}}
"""Headers under which an answer without end is refused at once, after the key was looked at."""


def scopes_for(operation: dict[str, Any]) -> set[Scope]:
    """Those that are enough, by the document."""
    ((name, roles),) = operation["security"][0].items()
    assert name in DOCUMENT["components"]["securitySchemes"]
    return {scope for scope in SCOPES if not roles or scope in {*roles, "admin"}}


@pytest.mark.parametrize("operation_id", OPERATIONS)
async def test_an_operation_takes_its_scope_and_no_other(access: Access, operation_id: str) -> None:
    method, path, operation = OPERATIONS[operation_id]
    keys = {scope: await access.make(scope) for scope in SCOPES}
    without = await access.ask(None, method, path)
    if operation_id in PUBLIC:
        assert operation["security"] == []
        assert not {"401", "403", "429"} & set(operation["responses"])
        assert without.status_code == 200
        return
    assert {"401", "403", "429"} <= set(operation["responses"])
    assert without.status_code == 401
    enough = scopes_for(operation)
    assert (enough == set(SCOPES)) == (operation_id in ANY_KEY)
    for scope, key in keys.items():
        answer = await access.ask(key, method, path, headers=UNENDING.get(operation_id, {}))
        assert (answer.status_code not in {401, 403}) == (scope in enough), (scope, answer.text)
        if answer.status_code == 403:
            (needed,) = operation["security"][0]["api_key"]
            assert answer.json()["type"] == "/problems/scope-missing"
            assert f"`{needed}`" in answer.json()["detail"]
            assert f'error="insufficient_scope", scope="{needed}"' in answer.headers["WWW-Authenticate"]


async def test_scopes_add_up(access: Access) -> None:
    both = await access.make("ingest", "read")
    assert (await access.ask(both, "POST", "/encode", json={"texts": ["a"]})).status_code == 200
    assert (await access.ask(both, "GET", "/users/u/interest")).status_code == 404
    assert (await access.ask(both, "DELETE", "/users/u")).status_code == 403


def test_the_table_has_every_route_and_nothing_else() -> None:
    app = create_app(Settings.model_construct())
    routed = {getattr(route, "operation_id", None) or f"get_{route.name}" for route in iter_route_contexts(app.routes)}
    assert routed == set(NEEDS)
    assert {name for name, need in NEEDS.items() if need == "nothing"} == PUBLIC | {"get_docs", "get_openapi"}


@pytest.fixture
async def with_a_forgotten_route(access: Access) -> Access:
    @access.app.get("/forgotten", operation_id="forgotten")
    async def forgotten() -> str:
        return "secret"

    return access


async def test_an_operation_that_was_forgotten_is_for_admins_and_fails_the_document(
    with_a_forgotten_route: Access,
) -> None:
    access = with_a_forgotten_route
    keys = {scope: await access.make(scope) for scope in SCOPES}
    answers = {scope: (await access.ask(key, "GET", "/forgotten")).status_code for scope, key in keys.items()}
    assert answers == {"ingest": 403, "read": 403, "admin": 200}
    with pytest.raises(ValueError, match="does not say what forgotten needs"):
        access.app.openapi()


async def test_what_is_public_stays_so(access: Access) -> None:
    await access.make("read")
    for path in ["/livez", "/readyz", "/openapi.json", "/docs"]:
        assert (await access.ask(None, "GET", path, headers={"Host": "other.example"})).status_code == 200


async def test_who_has_no_key_is_not_told_what_exists(access: Access) -> None:
    key = await access.make("read")
    for method, path in [
        ("GET", "/nothing"),
        ("GET", "/redoc"),
        ("GET", "/detect"),
        ("POST", "/livez"),
        ("GET", "/livez/"),
        ("GET", "//livez"),
        ("GET", "/LIVEZ"),
        ("OPTIONS", "/detect"),
        ("HEAD", "/model"),
    ]:
        assert (await access.ask(None, method, path)).status_code == 401
        assert (await access.ask(key, method, path)).status_code in {307, 404, 405}


def test_the_first_route_that_takes_a_request_decides_as_in_the_framework() -> None:
    operations = Operations(create_app(Settings.model_construct()))

    def need(method: str, path: str) -> str:
        return operations.need({"type": "http", "method": method, "path": path})

    assert need("GET", "/users/a/b/interest") == "read"
    assert need("DELETE", "/users/a/interest") == "admin"
    assert need("POST", "/detect/batch") == "ingest"
    assert need("GET", "/users/a") == "key"  # no operation


async def test_the_document_is_of_openapi_with_roles(access: Access) -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    scheme = DOCUMENT["components"]["securitySchemes"]["api_key"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    served = await access.ask(None, "GET", "/openapi.json")
    assert served.json() == json.loads(json.dumps(DOCUMENT))
