"""The serving container: GET /ping says whether the model is ready, POST /invocations forecasts."""

from __future__ import annotations

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from shelfcast.domain.errors import BadInput, NotFound, NotReady, ShelfcastError

ROOT = Path("/opt/ml")
PORT = 8080
MOST_BYTES = 6 * 2**20
"""SageMaker sends up to 6 MB (4 MB to a serverless endpoint)."""


def server(root: Path = ROOT, port: int | None = None, host: str = "0.0.0.0") -> ThreadingHTTPServer:
    """The server with its model loaded, not yet serving. The container's network is SageMaker's own.

    Raises:
        BadFile: there is no whole model.
    """
    from shelfcast.bootstrap import in_container
    from shelfcast.pipeline.model_container import ServedModel

    model = ServedModel.read(root / "model", in_container)
    chosen = int(os.environ.get("SAGEMAKER_BIND_TO_PORT", PORT)) if port is None else port

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(200, {}) if self.path == "/ping" else self._answer(
                404, {"error": "only /ping and /invocations"}
            )

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            if self.path != "/invocations":
                self._answer(404, {"error": "only /ping and /invocations"})
            elif length > MOST_BYTES:
                left = length
                while left > 0 and (piece := self.rfile.read(min(left, 1 << 20))):
                    left -= len(piece)  # a client hears an answer only when it has sent everything
                self._answer(413, {"error": f"more than {MOST_BYTES:,} bytes came. Ask for fewer series."})
            else:
                self._answer(*_asked(model, self.rfile.read(length)))

        def _answer(self, status: int, body: dict[str, Any]) -> None:
            data = json.dumps(body).encode() if body else b""
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *arguments: object) -> None:
            if not str(arguments[0] if arguments else "").startswith("GET /ping"):
                BaseHTTPRequestHandler.log_message(self, format, *arguments)

    return ThreadingHTTPServer((host, chosen), Handler)


def _asked(model: Any, body: bytes) -> tuple[int, dict[str, Any]]:
    try:
        return 200, model.forecast(body)
    except (BadInput, NotReady, NotFound) as error:
        return 400, {"error": str(error)}
    except ShelfcastError as error:
        return 500, {"error": str(error)}


def serve(root: Path = ROOT) -> None:
    with server(root) as running:
        running.serve_forever()
