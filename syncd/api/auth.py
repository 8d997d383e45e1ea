"""Who calls: an API key, as a dependency that a handler cannot forget, since it is where the tenant comes from."""

from __future__ import annotations

import threading
import time
from typing import Annotated, Final

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from syncd.errors import RequestError
from syncd.store import access
from syncd.store.access import ApiKey
from syncd.sync.context import Context

bearer: Final = HTTPBearer(auto_error=False, description="An API key: `syncd key create NAME`")
_REMEMBER_SECONDS: Final = 5.0  # a revoked key works for so long at most


class _Known:
    """Keys seen lately, so that not every request asks Postgres for its key."""

    def __init__(self) -> None:
        self._keys: dict[bytes, tuple[float, ApiKey]] = {}
        self._lock = threading.Lock()

    def get(self, mark: bytes) -> ApiKey | None:
        """The key, unless it was asked for too long ago."""
        found = self._keys.get(mark)
        return found[1] if found and found[0] > time.monotonic() else None

    def put(self, mark: bytes, key: ApiKey) -> None:
        """Remember."""
        now = time.monotonic()
        with self._lock:
            if len(self._keys) > 1000:
                self._keys = {known: value for known, value in self._keys.items() if value[0] > now}
            self._keys[mark] = (now + _REMEMBER_SECONDS, key)


_known = _Known()


# What takes no time is asynchronous: each step that is not costs a change of threads, which waits where others work.


async def context(request: Request) -> Context:
    """The process's context."""
    found: Context = request.app.state.ctx
    return found


async def api_key(
    ctx: Annotated[Context, Depends(context)],
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
) -> ApiKey:
    """The caller's key. Raises ``RequestError`` E306 (401)."""
    given = credentials.credentials if credentials else request.headers.get("x-api-key")
    if not given:
        raise RequestError("E306", status=401)
    mark = access.token_hash(ctx.db.url + given)
    found = _known.get(mark)
    if found is None:
        found = await run_in_threadpool(_find, ctx, given)
        _known.put(mark, found)
    return found


def _find(ctx: Context, given: str) -> ApiKey:
    with ctx.db.transaction() as conn:
        found = access.find_key(conn, given)
    if found is None:
        raise RequestError("E306", status=401)
    return found


def requires(scope: str) -> object:
    """A dependency: the caller's key, which must have the scope. Raises E310 (403) otherwise."""

    async def check(key: Annotated[ApiKey, Depends(api_key)]) -> ApiKey:
        if scope not in key.scopes:
            raise RequestError("E310", status=403, scope=scope)
        return key

    return Depends(check)


Reader = Annotated[ApiKey, requires("read")]
Seller = Annotated[ApiKey, requires("orders")]
Ctx = Annotated[Context, Depends(context)]
