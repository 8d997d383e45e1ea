"""A small 1C that gives data over the HTTP service: what it answers is set by the test."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Answer = tuple[int, str, bytes]
Respond = Callable[[str, str | None], Answer]


def page(items: list[dict[str, Any]], cursor: str | None = None) -> Answer:
    return 200, "application/json", json.dumps({"items": items, "cursor": cursor}).encode()


def stock(number: int, quantity: object = "1") -> dict[str, Any]:
    return {"offer_id": f"o{number}", "warehouse_id": "w", "on_hand": quantity}


class DataOfOneC:
    """``respond(entity, cursor)`` makes each answer; ``asked`` are the questions so far."""

    def __init__(self) -> None:
        self.respond: Respond = lambda _entity, _cursor: page([])
        self.asked: list[tuple[str, str | None]] = []
        self.lock = threading.Lock()
        self.address = ""

    def gives(self, *pages: list[dict[str, Any]]) -> None:
        """These pages, one after another, whatever is asked for."""

        def respond(_entity: str, cursor: str | None) -> Answer:
            number = int(cursor or 0)
            return page(pages[number], str(number + 1) if number + 1 < len(pages) else None)

        self.respond = respond


@contextmanager
def running() -> Iterator[DataOfOneC]:
    onec = DataOfOneC()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            entity = parts.path.rpartition("/v1/")[2]
            cursor = parse_qs(parts.query).get("cursor", [None])[0]
            with onec.lock:
                onec.asked.append((entity, cursor))
            status, kind, body = onec.respond(entity, cursor)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    onec.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield onec
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
