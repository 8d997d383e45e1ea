"""An answer that goes on elsewhere (``odata.nextLink``). 1C itself sends none; a gateway before it may, and what it
holds back must be fetched before anything counts as all there is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote, urlsplit

from syncd.adapters.odata import answers
from syncd.adapters.odata.answers import Page, Record, Types, Wanted
from syncd.adapters.odata.client import Client
from syncd.adapters.odata.endpoint import SERVICE, Kind
from syncd.errors import TransportError
from syncd.i18n import tr

MOST: Final = 10_000
"""Links that one answer may have: more are no answer but a loop whose links always differ."""


def rest(
    client: Client, first: Page, *, kind: Kind = "read", types: Types | None = None, wanted: Wanted | None = None
) -> Iterator[Page]:
    """What follows a page, link by link. Raises TransportError E809 for a link that came before, leads out of the
    service or never ends.
    """
    seen: set[str] = set()
    link = first.next
    while link is not None:
        if link in seen or len(seen) >= MOST:
            detail = tr(f"odata.nextLink leads in a circle: {link}", f"odata.nextLink ведёт по кругу: {link}")
            raise TransportError("E809", detail=detail[:200])
        seen.add(link)
        path, query = _within(link)
        page = answers.page(client.get(path, query, kind=kind), types, wanted)
        yield page
        link = page.next


def whole(
    client: Client, body: bytes, *, kind: Kind = "read", types: Types | None = None, most: int | None = None
) -> list[Record]:
    """The records of an answer and of all that follows it, or the first ``most``. Raises as ``rest`` does."""
    first = answers.page(body, types)
    found = list(first.records)
    following = rest(client, first, kind=kind, types=types)
    while (most is None or len(found) < most) and (page := next(following, None)) is not None:
        found += page.records
    return found[:most]


def _within(link: str) -> tuple[str, dict[str, str]]:
    """Path and query of a link, not encoded. Only what stands behind the service counts: the host that a gateway writes
    may be one that we cannot reach, and the password goes nowhere else.
    """
    parts = urlsplit(link)
    _, service, path = parts.path.rpartition(f"/{SERVICE}/")
    if not service and (parts.netloc or parts.path.startswith("/") or not parts.path):
        detail = tr(f"odata.nextLink leads elsewhere: {link}", f"odata.nextLink ведёт в другое место: {link}")
        raise TransportError("E809", detail=detail[:200])
    pairs = (pair.partition("=") for pair in parts.query.split("&") if pair)
    query = {unquote(name): unquote(value) for name, _, value in pairs}
    query.pop("$format", None)  # the client asks for its own
    return unquote(path), query
