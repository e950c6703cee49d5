"""Nothing of a request is read before it is let in."""

from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.access.guard import Admission, Guard
from service.access.operations import Operations
from service.database.engine import is_away
from service.problem_handlers import database_away
from service.problems import Problem


class AccessMiddleware:
    """Answers 401, 403 or 429 to requests that may not be made, before their bodies are read.

    Here, and not in a dependency, for the framework reads and parses the body before it runs dependencies, and because
    what has no entry in `service.access.scopes` is closed instead of open.

    Args:
        app: what to protect.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._operations: Operations | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request, or pass on what is none."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        app: FastAPI = scope["app"]
        if self._operations is None:
            self._operations = Operations(app)
        need = self._operations.need(scope)
        if need == "nothing":
            await self._app(scope, receive, send)
            return
        guard: Guard | None = getattr(app.state, "guard", None)
        if guard is None:
            raise RuntimeError("the app has not started: enter `app.router.lifespan_context(app)` first")
        try:
            admission = await guard.admit(Headers(scope=scope), need)
        except Problem as problem:
            await problem.response()(scope, receive, send)
        except Exception as error:
            if not is_away(error):
                raise
            # Whether the key is still valid cannot be known; the client is asked to come back, not to log in.
            await database_away(app, error)(scope, receive, send)
        else:
            await self._run(admission, scope, receive, send)

    async def _run(self, admission: Admission, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_quota(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(await admission.quota.headers())
            await send(message)

        scope.setdefault("state", {})["admission"] = admission
        try:
            await admission.quota.charge(1)
        except Problem as problem:
            await problem.response()(scope, receive, send_with_quota)
            return
        await self._app(scope, receive, send_with_quota)
