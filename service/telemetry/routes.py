"""What a request is called in metrics, traces and logs: by its route, never by its path, which holds user ids."""

from collections.abc import Iterable

from starlette.routing import BaseRoute, Match
from starlette.types import Scope

METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
OTHER_METHOD = "_OTHER"
"""The semantic conventions' name for any other, so that clients cannot make up the values of a label."""


def method_of(scope: Scope) -> str:
    """The request's method, or `_OTHER`."""
    method = str(scope["method"])
    return method if method in METHODS else OTHER_METHOD


def route_of(scope: Scope) -> str | None:
    """The template of the request's route, such as `/users/{user_id}/interest`; None where there is none.

    A request that was answered before it was routed, such as one too many, is routed here.
    """
    routed = _template(scope.get("route"))
    if routed is None and "app" in scope:
        return _find(scope["app"].router.routes, scope)
    return routed


def _find(routes: Iterable[BaseRoute], scope: Scope) -> str | None:
    """The first route that takes the request; else the first that would with another method, as for a 405."""
    partial: str | None = None
    for route in routes:
        inside = getattr(route, "original_router", None)  # FastAPI keeps an included router as one route of many
        if inside is not None:
            found = _find(inside.routes, scope)
            if found is not None:
                return found
            continue
        match, _ = route.matches(dict(scope))
        if match is Match.FULL:
            return _template(route)
        if match is Match.PARTIAL and partial is None:
            partial = _template(route)
    return partial


def _template(route: object) -> str | None:
    template = getattr(route, "path_format", None)
    return template if isinstance(template, str) else None
