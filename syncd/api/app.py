"""The application: routes, errors in one shape, and what is built when a process starts."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import orjson
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi_offline import FastAPIOffline
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from syncd import __version__
from syncd.api import entities, exchange, health, images, orders
from syncd.config import Settings
from syncd.errors import CATALOGUE, SyncdError
from syncd.i18n import Language
from syncd.queue.broker import Doorbell, make_broker
from syncd.store.db import Database
from syncd.sync.context import Context
from syncd.sync.exchange import ExchangeService

log = structlog.get_logger(__name__)

DESCRIPTION: Final = """
The local API of **syncd**. It answers from the store, whatever state 1C is in, and says how old the answer is
(`as_of`).

Authorize with an API key (`syncd key create NAME`): `Authorization: Bearer sk_…`. Listings are paged by a cursor: pass
`next` of one answer as `after` of the next request. Money and quantities are texts, so that nothing is lost to
floating point.

Локальный API **syncd**. Отвечает из хранилища, в каком бы состоянии ни была 1С, и говорит, насколько ответ свеж
(`as_of`).
"""


def context_of(settings: Settings, *, database_url: str, redis_url: str | None) -> Context:
    """What a process of the API works with."""
    broker = make_broker(redis_url) if redis_url else None
    return Context(Database(database_url, size=settings.api.threads + 2), settings, Doorbell(broker))


def make_app(ctx: Context) -> FastAPI:
    """The application over a context. Closing it closes the context's database."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        ctx.db.close()

    app = FastAPIOffline(
        title="syncd",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url="/docs",
        redoc_url="/redoc",
        openapi_url="/openapi.json",
        redirect_slashes=False,  # no client of the exchange follows a redirect
    )
    app.state.ctx = ctx
    app.state.exchange = ExchangeService(ctx)
    app.add_middleware(_Correlated)
    app.add_exception_handler(SyncdError, _syncd_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    for unreachable in Database.UNREACHABLE:
        app.add_exception_handler(unreachable, _away)
    app.add_exception_handler(Exception, _broken)
    app.include_router(health.router)
    app.include_router(exchange.router)
    app.include_router(orders.router)
    app.include_router(images.router)
    for router in entities.routers():
        app.include_router(router)
    return app


class _Correlated:
    """Gives every request a number, its own or a new one, under which the log speaks of it and which the answer names.

    Plain ASGI: the framework's own kind of middleware takes longer than everything else around a handler.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        correlation = (Headers(scope=scope).get("x-request-id") or uuid.uuid4().hex)[:64]
        scope.setdefault("state", {})["correlation"] = correlation

        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = correlation
                if headers.get("content-type") == "application/json":  # what the framework renders itself
                    headers["content-type"] += "; charset=utf-8"
            await send(message)

        with structlog.contextvars.bound_contextvars(correlation=correlation):
            await self._app(scope, receive, stamped)


def language_of(request: Request) -> Language:
    """Russian for those who ask for it."""
    return "ru" if request.headers.get("accept-language", "").lower().startswith("ru") else "en"


def problem(request: Request, status: int, code: str, params: dict[str, Any], **more: Any) -> Response:
    """An error in the one shape that all have: code, message, who fixes it, correlation."""
    text = CATALOGUE[code]
    body = {
        "error": {
            "code": code,
            "message": text.render(params, language_of(request)),
            "owner": text.owner,
            "correlation": getattr(request.state, "correlation", ""),
            **more,
        }
    }
    headers = {"Retry-After": "2"} if status in {409, 429, 503} else None
    return Response(orjson.dumps(body), status, headers, media_type="application/json; charset=utf-8")


async def _syncd_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, SyncdError)
    return problem(request, getattr(error, "status", 400), error.code, error.params)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    details = [
        {"path": ".".join(str(part) for part in found["loc"]), "message": found["msg"]} for found in error.errors()
    ]
    summary = "; ".join(f"{found['path']}: {found['message']}" for found in details[:5])
    return problem(request, 422, "E307", {"detail": summary}, details=details)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return problem(
            request, 404, "E305", {"what": "Address", "id": request.url.path, "shown": "`GET /openapi.json`"}
        )
    return problem(request, error.status_code, "E307", {"detail": error.detail})


async def _away(request: Request, error: Exception) -> Response:
    log.warning("Postgres is away", error=str(error).strip())
    if exchange.is_exchange(request.url.path):
        return exchange.trouble("E112", {})
    return problem(request, 503, "E309", {"reason": "Postgres"})


async def _broken(request: Request, error: Exception) -> Response:
    log.error("a request failed inside syncd", path=request.url.path, exc_info=error)
    params = {"error": type(error).__name__, "correlation": getattr(request.state, "correlation", "")}
    if exchange.is_exchange(request.url.path):
        return exchange.trouble("E111", params)
    return problem(request, 500, "E111", params)
