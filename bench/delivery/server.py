"""The application with one endpoint more, which writes one row: what HTTP and one commit cost on this machine."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from typing import Annotated, Any
from uuid import uuid4

from fastapi import Body, Depends, FastAPI
from granian.constants import Interfaces
from granian.server.embed import Server
from psycopg.types.json import Jsonb

from syncd.api.app import context_of, make_app
from syncd.api.auth import api_key
from syncd.api.server import run
from syncd.config import Settings
from syncd.log import GRANIAN_LOGGING
from syncd.store.access import ApiKey
from syncd.store.db import execute


def application(url: str) -> FastAPI:
    """The real one, and ``POST /bench/row``: authorised alike, any JSON, one row, one commit."""
    ctx = context_of(Settings(), database_url=url, redis_url=None)
    app = make_app(ctx)

    @app.post("/bench/row", status_code=201)
    def one_row(key: Annotated[ApiKey, Depends(api_key)], body: Annotated[dict[str, Any], Body()]) -> dict[str, str]:
        made = uuid4()
        with ctx.db.transaction() as conn:
            execute(conn, "INSERT INTO bench_row (id, body) VALUES (%(id)s, %(b)s)", id=made, b=Jsonb(body))
        return {"id": str(made), "tenant": key.tenant}

    return app


def main() -> None:
    """Serve until SIGTERM."""
    url, port = sys.argv[1], int(sys.argv[2])
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    server = Server(
        application(url), address="127.0.0.1", port=port, interface=Interfaces.ASGI, backlog=1024,
        log_dictconfig=GRANIAN_LOGGING, websockets=False,
    )  # fmt: skip
    asyncio.run(run(server, Settings().api.threads, stop))


if __name__ == "__main__":
    main()
