"""What holds for every endpoint."""

import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from service.app import create_app
from service.encoder import FakeEncoder
from service.settings import Settings

LEAST = 28
"""Operations in the document."""


def endpoints(routes: Iterable[BaseRoute]) -> Iterator[APIRoute]:
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        included = getattr(route, "original_router", None)
        if included is not None:
            yield from endpoints(included.routes)


def called(dependant: Dependant) -> Iterator[Callable[..., Any]]:
    if dependant.call is not None:
        yield dependant.call
    for dependency in dependant.dependencies:
        yield from called(dependency)


def test_none_of_them_nor_what_it_depends_on_is_run_in_a_thread() -> None:
    """FastAPI does that to every plain function, which costs a request more than what such a function does."""
    found = list(endpoints(create_app(Settings(), encoder=FakeEncoder()).routes))
    assert len(found) >= LEAST
    for route in found:
        for call in called(route.dependant):
            assert inspect.iscoroutinefunction(call) or inspect.isasyncgenfunction(call), (route.path, call)
