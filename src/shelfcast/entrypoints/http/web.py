"""The web app's built files: served as they are, compressed beforehand; any other path is the app's own (deep links).

`web/` here is the output of the build in the repository's `web/` folder and isn't in the repository. Without it `/` says so.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from html import escape
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse, Response
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException

from shelfcast import __version__

FOLDER = Path(__file__).parent / "web"
OURS = ("v1/", ".well-known/", "healthz", "metrics", "config.json", "docs")
FOREVER = "public, max-age=31536000, immutable"
ENCODINGS = (("br", ".br"), ("gzip", ".gz"))
MEDIA = {
    ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
    ".json": "application/json", ".svg": "image/svg+xml", ".png": "image/png", ".ico": "image/x-icon",
    ".woff2": "font/woff2", ".woff": "font/woff", ".txt": "text/plain; charset=utf-8", ".map": "application/json",
    ".webmanifest": "application/manifest+json",
}  # fmt: skip
POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self' https:; object-src 'none'; base-uri 'self'; frame-ancestors 'none'; "
    "form-action 'self'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class SecurityHeaders:
    """ASGI middleware: the same protective headers on every answer; answers of the API are not kept by caches."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if scope["path"].startswith("/v1/"):
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)


def install(app: FastAPI, folder: Path = FOLDER) -> None:
    """Serve the docs page, the built files, and the app for every other path."""

    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return HTMLResponse(_docs_page(app))

    @app.get("/{path:path}", include_in_schema=False)
    def file(path: str, request: Request) -> Response:
        if path.startswith(OURS):
            raise HTTPException(
                404, f"there is nothing at /{path}. The API is described at /v1/openapi.json and /docs."
            )
        index = folder / "index.html"
        if not index.is_file():
            return HTMLResponse(_not_built_page(), 404 if path else 200)
        found = _inside(folder, path)
        if found is None:
            if "." in path.rpartition("/")[2]:
                raise HTTPException(404, f"there is no file /{path}.")
            found = index
        return _answer(found, request, fixed=path.startswith("assets/"))


def _inside(folder: Path, path: str) -> Path | None:
    """The file under the folder; None if there is none, or if the path leads out of it."""
    if not path or "\x00" in path:
        return None
    found = (folder / path).resolve()
    return found if found.is_relative_to(folder.resolve()) and found.is_file() else None


def _answer(path: Path, request: Request, *, fixed: bool) -> Response:
    headers = {"Cache-Control": FOREVER if fixed else "no-cache", "Vary": "Accept-Encoding"}
    media = MEDIA.get(path.suffix, "application/octet-stream")
    accepted = request.headers.get("accept-encoding", "")
    for name, ending in ENCODINGS:
        packed = path.with_name(path.name + ending)
        if name in accepted and packed.is_file():
            return FileResponse(packed, media_type=media, headers=headers | {"Content-Encoding": name})
    return FileResponse(path, media_type=media, headers=headers)


def _page(title: str, body: str) -> str:
    style = (
        "body{font:16px/1.5 system-ui,sans-serif;max-width:56rem;margin:3rem auto;padding:0 1rem;color:#16191f}"
        "code{background:#f2f3f3;padding:.1em .3em;border-radius:3px}td,th{text-align:left;padding:.2rem .8rem .2rem 0;"
        "vertical-align:top}@media(prefers-color-scheme:dark){body{background:#0f1b2a;color:#d1d5db}code{background:#22303f}"
        "a{color:#89bdee}}"
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{style}</style></head><body>{body}</body></html>"
    )


def _not_built_page() -> str:
    return _page(
        "Shelfcast",
        f"<h1>Shelfcast {escape(__version__)}</h1><p>The server is running, but the web app isn't built: its files are not "
        'here.</p><p>Build it with <code>make web</code> (needs Node.js) and reload, or use the API: <a href="/docs">its routes'
        '</a>, <a href="/v1/openapi.json">its OpenAPI file</a>.</p>',
    )


def _docs_page(app: FastAPI) -> str:
    """Every route in a plain page, made from the OpenAPI file: no script, nothing fetched from elsewhere."""
    rows = []
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            rows.append(
                f"<tr><td><code>{method.upper()}</code></td><td><code>{escape(path)}</code></td>"
                f"<td>{escape(operation.get('summary', ''))}</td></tr>"
            )
    return _page(
        "Shelfcast API",
        '<h1>Shelfcast API</h1><p>The whole description, for clients and tools: <a href="/v1/openapi.json">/v1/openapi.json'
        f"</a>.</p><table><tr><th></th><th>Route</th><th>Does</th></tr>{''.join(rows)}</table>",
    )
