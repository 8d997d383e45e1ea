"""Where 1C knocks. The edge is asynchronous so that a held ``progress`` costs no thread; everything beneath is
synchronous.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

import structlog
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from syncd import journal
from syncd.adapters.exchange.request import ExchangeRequest, parse_basic, parse_query, parse_token
from syncd.adapters.exchange.server import Answer, ExchangeServer, Handled, failure, success
from syncd.errors import RequestError
from syncd.journal import Entry
from syncd.store import access
from syncd.store.db import Database
from syncd.sync.context import Context
from syncd.sync.exchange import ExchangeService

log = structlog.get_logger(__name__)
router: Final = APIRouter(include_in_schema=False)

DEFAULT_TENANT: Final = "default"
PATHS: Final = ("/1c_exchange", "/1c_exchange.php", "/bitrix/admin/1c_exchange.php")
_LOOK_EVERY: Final = 0.1
_LISTEN_EVERY: Final = 1.0


def is_exchange(path: str) -> bool:
    """Whether a path is one of the exchange's."""
    return "1c_exchange" in path


def trouble(code: str, params: dict[str, Any]) -> Response:
    """``failure`` with an error of the catalogue."""
    return _response(failure(RequestError(code, **params)))


def _response(answer: Answer, status: int = 200) -> Response:
    # charset last and unquoted: the Bitrix module takes everything behind it for the encoding's name
    return Response(answer.body, status, {**answer.headers, "Content-Type": answer.content_type})


async def _exchange(request: Request) -> Response:
    ctx: Context = request.app.state.ctx
    service: ExchangeService = request.app.state.exchange
    asked = await _read(request, limit=service.file_limit)
    if asked.type == "listen":
        return await _listen(request, ctx, service, asked)
    handled = await run_in_threadpool(_handle, ctx, service, asked)
    deadline = time.monotonic() + ctx.settings.exchange.progress_hold_seconds
    while handled.answer.running and time.monotonic() < deadline and not await request.is_disconnected():
        await asyncio.sleep(_LOOK_EVERY)
        handled = await run_in_threadpool(_handle, ctx, service, asked)
    if asked.mode == "query" and ctx.settings.log.level == "debug":
        log.debug("orders handed over", bytes=len(handled.answer.body))
    return _response(handled.answer)


async def _listen(request: Request, ctx: Context, service: ExchangeService, asked: ExchangeRequest) -> Response:
    """Hold 1C's call until an order waits for it. 1C looks at the status alone: 200 begins an exchange, 304 does not,
    so what is wrong must not be 200. Nothing is held meanwhile but the connection itself.
    """
    deadline = time.monotonic() + ctx.settings.exchange.listen_seconds
    try:
        infobase = await run_in_threadpool(service.listener, asked.tenant, asked.basic, asked.address)
        while True:
            if await run_in_threadpool(service.waits, infobase):
                return _response(success())
            if time.monotonic() >= deadline or await request.is_disconnected():
                return Response(status_code=304)
            await asyncio.sleep(min(_LISTEN_EVERY, max(0.0, deadline - time.monotonic())))
    except RequestError as error:
        await run_in_threadpool(_note, ctx, asked, Handled(failure(error), None))
        return _response(failure(error), 401)
    except Database.UNREACHABLE as error:
        log.warning("Postgres is away", error=str(error).strip())
        return _response(failure(RequestError("E112")), 503)


async def _read(request: Request, *, limit: int) -> ExchangeRequest:
    """Take the request apart. A body is read for ``mode=file`` only, and no further than just above the limit."""
    parameters = parse_query(request.scope["query_string"])
    mode = parameters.get("mode", "").strip().lower()
    body = bytearray()
    if mode == "file":
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                break
    return ExchangeRequest(
        tenant=request.path_params.get("tenant", DEFAULT_TENANT).replace("\x00", "\ufffd"),
        type=parameters.get("type", "").strip().lower(),
        mode=mode,
        parameters=parameters,
        token=parse_token(request.headers.get("cookie")),
        basic=parse_basic(request.headers.get("authorization")),
        address=request.client.host if request.client else None,
        body=bytes(body),
    )


def _handle(ctx: Context, service: ExchangeService, asked: ExchangeRequest) -> Handled:
    handled = ExchangeServer(service).handle(asked)
    _note(ctx, asked, handled)
    return handled


def _note(ctx: Context, asked: ExchangeRequest, handled: Handled) -> None:
    """A refusal goes into the journal."""
    error = handled.answer.error
    if error is not None:
        session = handled.session
        name = asked.parameters.get("filename", "")
        entry = Entry(
            kind="exchange", direction="in", outcome="failed", error=error, file=name or None,
            subject=f"{asked.type or '?'} {asked.mode or '?'} {name}".strip(),
            infobase_id=session.infobase.id if session else None, session_id=session.id if session else None,
            detail=f"from {asked.address}",
        )  # fmt: skip
        with ctx.db.transaction() as conn:
            # a scanner makes up tenants: only those that exist have a journal
            if asked.tenant == DEFAULT_TENANT or access.has_infobase(conn, asked.tenant):
                journal.write_failure(conn, asked.tenant, entry)
        log.warning("exchange refused", code=error.code, type=asked.type, mode=asked.mode, tenant=asked.tenant)


for _path in PATHS:
    router.add_api_route(_path, _exchange, methods=["GET", "POST"])
    router.add_api_route(_path + "/", _exchange, methods=["GET", "POST"])
    router.add_api_route("/t/{tenant}" + _path, _exchange, methods=["GET", "POST"])
    router.add_api_route("/t/{tenant}" + _path + "/", _exchange, methods=["GET", "POST"])
