"""Whether a base would work for us: a small look at the door, and a longer one at what the mapping needs.

Never by ``$metadata``: 15 MB and half a minute on a usual base.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import httpx

from syncd.adapters.odata import answers, failures, reading
from syncd.adapters.odata.client import Client
from syncd.adapters.ports import Ping, PingStep
from syncd.errors import ConfigError, SyncdError

_BY_CODE: Final[Mapping[str, PingStep]] = {
    "E804": "answer", "E805": "session", "E806": "licence", "E807": "session", "E811": "publication",
    "E812": "publication", "E813": "login", "E814": "login", "E816": "session", "E833": "publication",
    "E838": "publication", "E844": "session",
}  # fmt: skip


class ODataPing:
    """``syncd.adapters.ports.Pinged`` by the service document: web server, publication, login, session, licence, and
    what is published; a session for a moment, and some kilobytes.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def ping(self) -> Ping:
        """Ask once. Never raises for what the other side does."""
        begun = time.monotonic()
        try:
            found = published(self._client)
        except SyncdError as error:
            return Ping(
                _milliseconds(begun), failing=step_of(error), maintenance=isinstance(error, failures.Maintenance),
                error=error,
            )  # fmt: skip
        about = {"sets": str(len(found))}
        if family := configuration(found):
            about["configuration"] = family
        return Ping(_milliseconds(begun), about=about)


@dataclass(frozen=True, slots=True)
class Contract:
    """What of a mapping's needs a base does not meet: ``sets`` not published, ``fields`` unknown by set, ``hidden``
    sets of which the user sees only a part, ``failed`` sets that 1C cannot read at all (one broken set stops no other).
    """

    sets: tuple[str, ...]
    fields: Mapping[str, tuple[str, ...]]
    hidden: tuple[str, ...]
    failed: Mapping[str, SyncdError]

    @property
    def kept(self) -> bool:
        """Whether all needs are met."""
        return not (self.sets or self.fields or self.hidden or self.failed)

    def require(self) -> None:
        """Raise ConfigError E834 that names what is missing."""
        if self.kept:
            return
        lacking = [*self.sets, *(f"{name}.{field}" for name, fields in self.fields.items() for field in fields)]
        lacking += [*self.hidden, *self.failed]
        raise ConfigError("E834", detail=", ".join(lacking))


def published(client: Client) -> list[str]:
    """Names of the sets that the base publishes. Raises ConfigError E833 when there are none, and as ``Client.get``."""
    found = answers.names(client.get("", kind="ping"))
    if not found:
        raise ConfigError("E833")
    return found


def configuration(sets: Sequence[str]) -> str | None:
    """The family of configurations, by the sets it publishes: ``ut``, ``unf`` or ``bp``."""
    known = set(sets)
    if {"Document_ЗаказКлиента", "Catalog_Партнеры"} <= known:
        return "ut"
    if {"Document_ЗаказПокупателя", "Catalog_СтруктурныеЕдиницы"} <= known:
        return "unf"
    if {"AccountingRegister_Хозрасчетный", "Document_СчетНаОплатуПокупателю"} <= known:
        return "bp"
    return None


def check(client: Client, needs: Mapping[str, Sequence[str]]) -> Contract:
    """Hold the base against what is needed: fields by set. Reads one row of each set; for once a day.

    Raises what stops everything: TransportError, a wrong login, E833.
    """
    known = set(published(client))
    absent = tuple(name for name in needs if name.partition("/")[0].partition("(")[0] not in known)
    fields: dict[str, tuple[str, ...]] = {}
    hidden: list[str] = []
    failed: dict[str, SyncdError] = {}
    for name, wanted in needs.items():
        if name in absent:
            continue
        try:
            if unknown := _unknown(client, name, wanted):
                fields[name] = unknown
        except failures.RowsHidden:
            hidden.append(name)
        except (ConfigError, failures.SessionRefused):
            raise
        except SyncdError as error:
            if isinstance(error, failures.NameUnknown | failures.Unreachable):
                raise
            failed[name] = error
    return Contract(absent, fields, tuple(hidden), failed)


def step_of(error: SyncdError) -> PingStep:
    """The step of the way at which a request failed."""
    if isinstance(error, failures.NameUnknown):
        return "name"
    if isinstance(error, failures.Untrusted):
        return "tls"
    if isinstance(error, failures.Unreachable) or isinstance(error.__cause__, httpx.TransportError):
        return "connection"
    return _BY_CODE.get(error.code, "answer")


def _unknown(client: Client, name: str, wanted: Sequence[str]) -> tuple[str, ...]:
    """Fields that the set lacks: all in one request, one by one only when that fails."""
    try:
        _read(client, name, wanted)
    except failures.UnknownName:
        if len(wanted) < 2:
            return tuple(wanted)
        return tuple(field for field in wanted if _unknown(client, name, [field]))
    return ()


def _read(client: Client, name: str, fields: Sequence[str]) -> None:
    query = {"$top": "1"} | ({"$select": ",".join(reading.selected(fields))} if fields else {})
    answers.page(client.get(name, query))


def _milliseconds(begun: float) -> float:
    return round((time.monotonic() - begun) * 1000, 1)
