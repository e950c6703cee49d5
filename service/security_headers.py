"""What every answer tells browsers not to do with it, and the one page that they are to show."""

import base64
import re
from hashlib import sha256
from urllib.parse import urlsplit

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    # An answer is data: should a browser take one for a page, it loads nothing, runs nothing and is in no frame.
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",  # addresses hold user ids
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Sent with every answer that has no header of its own by that name. Strict-Transport-Security is for who ends TLS."""
_ENCODED = tuple((name.lower().encode("ascii"), value.encode("ascii")) for name, value in HEADERS.items())
"""As they are sent: one look at an answer's own headers for all of these."""

DOCS = "/docs"


class SecurityHeadersMiddleware:
    """Adds `HEADERS` to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request, or pass on what is none."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = message.get("headers", ())
                named = {name.lower() for name, _ in own}
                message["headers"] = [*own, *(header for header in _ENCODED if header[0] not in named)]
            await send(message)

        await self._app(scope, receive, send_with_headers)


def install_docs(app: FastAPI) -> None:
    """Serve the document as a page at `/docs`, with a policy that allows what that page needs and no more."""
    page = get_swagger_ui_html(openapi_url=str(app.openapi_url), title=app.title, swagger_favicon_url="data:,")
    content = bytes(page.body).decode()
    headers = {"Content-Security-Policy": _policy(content)}

    @app.get(DOCS, operation_id="get_docs", include_in_schema=False)
    async def get_docs() -> HTMLResponse:
        return HTMLResponse(content, headers=headers)


def _policy(content: str) -> str:
    """Scripts and styles from where the page has them, its own script by its hash; styles that Swagger UI sets."""
    scripts = [
        f"'sha256-{base64.b64encode(sha256(script.encode()).digest()).decode()}'"
        for script in re.findall(r"<script>(.*?)</script>", content, re.DOTALL)
    ]
    scripts += [_source(address) for address in re.findall(r'<script src="([^"]+)"', content)]
    styles = [_source(address) for address in re.findall(r'<link [^>]*href="([^"]+\.css)"', content)]
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {' '.join(scripts)}",
            f"style-src 'unsafe-inline' {' '.join(styles)}",
            "img-src data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


def _source(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"
