"""Runs the application on granian within this process, until it is told to stop."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Final

import structlog
from granian.constants import Interfaces
from granian.server.embed import Server

from syncd.api.app import context_of, make_app
from syncd.config import Settings
from syncd.errors import ConfigError
from syncd.log import GRANIAN_LOGGING

log = structlog.get_logger(__name__)

_GRACE_SECONDS: Final = 7.0  # requests under way may end; a held `progress` is cut off, and 1C asks again


def free_port(host: str) -> int:
    """A port nobody listens at."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def serve(
    settings: Settings, *, database_url: str, redis_url: str | None, host: str, port: int, stop: threading.Event
) -> None:
    """Serve until ``stop`` is set. Raises ``ConfigError`` E407 when the port is taken."""
    chosen = port or free_port(host)
    _check_free(host, chosen)
    ctx = context_of(settings, database_url=database_url, redis_url=redis_url)
    app = make_app(ctx)
    server = Server(
        app,
        address=host,
        port=chosen,
        interface=Interfaces.ASGI,
        backlog=1024,
        log_dictconfig=GRANIAN_LOGGING,
        websockets=False,
    )
    try:
        asyncio.run(run(server, settings.api.threads, stop))
    finally:
        ctx.db.close()


async def run(server: Server, threads: int, stop: threading.Event) -> None:
    """Serve with so many threads until ``stop`` is set."""
    import anyio.to_thread

    anyio.to_thread.current_default_thread_limiter().total_tokens = threads
    task = asyncio.create_task(server.serve())
    while not stop.is_set() and not task.done():
        await asyncio.sleep(0.1)
    if not task.done():
        server.stop()  # type: ignore[no-untyped-call]
        done, _ = await asyncio.wait({task}, timeout=_GRACE_SECONDS)
        if not done:
            log.warning("requests were cut off at the stop")
            task.cancel()
            return
    await task


def _check_free(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigError("E407", host=host, port=port, detail=error.strerror or str(error)) from error
