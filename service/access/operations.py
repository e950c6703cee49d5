"""Which operation a request is for, told before the framework routes it."""

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import compile_path
from starlette.types import Scope as Connection

from service.access.scopes import NEEDS, UNKNOWN_PATH, Need


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


def _name(route: object) -> str:
    # Where the framework serves its own document there is no operation id.
    return str(getattr(route, "operation_id", None) or f"get_{getattr(route, 'name', '')}")
