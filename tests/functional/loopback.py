"""A server of our own on loopback that answers by a script, faults included."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Reply:
    """`length`: the Content-Length that is sent; None sends none (the end of the connection is the end)."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = -1


@dataclass
class Loopback:
    url: str
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    """(method, path with query, headers in lower case, body) of every request."""
    replies: list[Reply] = field(default_factory=list)
    """Sent one after the other; then `usual` answers."""
    usual: Callable[[str, str, bytes], Reply] = field(default=lambda *_: Reply(404))


@contextmanager
def loopback() -> Iterator[Loopback]:
    made = Loopback("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            made.asked.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            reply = made.replies.pop(0) if made.replies else made.usual(self.command, self.path, body)
            self.send_response_only(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.length is not None:
                self.send_header("Content-Length", str(len(reply.body) if reply.length < 0 else reply.length))
            self.end_headers()
            self.wfile.write(reply.body)

        do_GET = do_POST = _answer  # noqa: N815 - the name the standard library looks for

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
