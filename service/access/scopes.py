"""What each operation needs. One table, so that it can be read at a glance and nothing can be forgotten in it."""

from typing import Literal, get_args

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import compile_path
from starlette.types import Scope as Connection

Scope = Literal["ingest", "read", "admin"]
"""`ingest` takes behaviours in and encodes, `read` reads what is kept of users, `admin` may do everything."""

Need = Literal["nothing", "key"] | Scope
"""`nothing`: open to all. `key`: any valid key. Else a key with that scope, or with `admin`."""

SCOPES: tuple[Scope, ...] = get_args(Scope)

NEEDS: dict[str, Need] = {
    "get_docs": "nothing",
    "get_openapi": "nothing",
    "get_livez": "nothing",
    "get_readyz": "nothing",
    "get_model": "key",
    "get_metrics": "key",
    "detect": "ingest",
    "detect_batch": "ingest",
    "encode": "ingest",
    "put_items": "ingest",
    "get_items_progress": "read",
    "get_item": "read",
    "delete_item": "ingest",
    "get_interest": "read",
    "get_history": "read",
    "get_policy": "read",
    "get_recommendations": "read",
    "get_domain_mutations": "read",
    "export_user": "admin",
    "delete_user": "admin",
    "stream_mutations": "read",
    "create_webhook": "admin",
    "list_webhooks": "admin",
    "get_webhook": "admin",
    "update_webhook": "admin",
    "delete_webhook": "admin",
    "rotate_webhook_secret": "admin",
    "test_webhook": "admin",
    "list_webhook_deliveries": "admin",
    "resend_webhook_deliveries": "admin",
}
"""By operation id. `service.openapi` refuses an operation that is missing here, and until then it needs `admin`."""

UNKNOWN_PATH: Need = "key"
"""For what is no operation at all: who has no key is not told what exists."""


class Operations:
    """Finds what a request needs before the framework routes it, so that nothing of it is read until then.

    Args:
        app: with all its routes.
    """

    def __init__(self, app: FastAPI) -> None:
        self._routes = [
            (compile_path(route.path)[0], frozenset(route.methods or ()), NEEDS.get(_name(route), "admin"))
            for route in iter_route_contexts(app.routes)
            if route.path is not None
        ]

    def need(self, connection: Connection) -> Need:
        """What this request needs: that of the first route that takes it, as in the framework."""
        for path, methods, need in self._routes:
            if connection["method"] in methods and path.match(connection["path"]):
                return need
        return UNKNOWN_PATH


def allows(held: frozenset[Scope], need: Need) -> bool:
    """Whether a valid key with these scopes is enough."""
    return need in {"nothing", "key"} or need in held or "admin" in held


def _name(route: object) -> str:
    # Where the framework serves its own document there is no operation id.
    return str(getattr(route, "operation_id", None) or f"get_{getattr(route, 'name', '')}")
