"""Which operation of a web service does what, and under which names: our published contract (docs/soap.md), that of
УНФ's SiteExchange, or any other in the endpoint's settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any, Final

from syncd.adapters.soap_wire import Soap
from syncd.errors import ConfigError
from syncd.i18n import tr

SETTINGS: Final = (
    "login", "ca", "contract", "wsdl", "service", "soap", "create", "look_up", "ping", "idempotent", "zone",
)  # fmt: skip
SOURCES: Final = ("id", "json", "commerceml", "attempt", "revision", "created_at", "day_before")
"""What a parameter may be given: the message's id, the whole body as JSON, the order as CommerceML, the count of
attempts, the order's revision, its time of acceptance, a day before that (both local, without a zone). Beside these
``order.<path>`` takes a value of the body, ``=text`` is a fixed text."""
RESULTS: Final = (
    "done", "ref", "number", "date", "posted", "revision", "error", "code", "locked", "configuration", "version",
    "documents",
)  # fmt: skip
"""What an answer may tell, each by the name or path of the element where it stands. ``documents``: a CommerceML package
among whose documents the order is looked for."""


@dataclass(frozen=True, slots=True)
class Call:
    """One operation: its parameters by where their values come from, and its results by where they stand."""

    operation: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    results: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Contract:
    """What the adapter needs to know of a service. Without ``ping`` its WSDL is asked for instead. ``namespace`` is
    that of CommerceML, where an order goes so.
    """

    create: Call
    look_up: Call | None
    ping: Call | None
    idempotent: bool
    namespace: str = "urn:1C.ru:commerceml_205"
    wsdl: str = "?wsdl"
    service: str | None = None
    soap: Soap = "1.1"


_TOLD: Final = {
    "done": "return", "ref": "Ref", "number": "Number", "date": "Date", "posted": "Posted", "revision": "Revision",
    "error": "ErrorMessage", "code": "ErrorCode",
}  # fmt: skip
PUBLISHED: Final = Contract(
    create=Call("CreateOrder", {"ID": "id", "Order": "json"}, _TOLD),
    look_up=Call("FindOrder", {"ID": "id"}, _TOLD),
    ping=Call("Ping", {}, {"configuration": "Configuration", "version": "Version", "locked": "Locked",
                           "error": "ErrorMessage"}),
    idempotent=True,
)  # fmt: skip
SITE_EXCHANGE: Final = Contract(
    create=Call("LoadOrders", {"OrdersData": "commerceml"}, {"done": "return"}),
    look_up=Call("GetOrders", {"ModificationDate": "day_before"}, {"documents": "return"}),
    ping=None,
    idempotent=False,
)
"""УНФ's own service for sites (ExchangeWithSites.1cws): it tells neither reference nor reason."""
CONTRACTS: Final[Mapping[str, Contract]] = {"syncd": PUBLISHED, "site-exchange": SITE_EXCHANGE}


def contract(settings: Mapping[str, Any], name: str) -> Contract:
    """The contract of an endpoint's settings. ``name`` is the endpoint's, for messages.

    Raises ``ConfigError`` E981 for settings that cannot be understood, E982 for a service that can neither be asked nor
    takes an order once: a lost answer would leave nobody to tell.
    """
    _known(settings, SETTINGS, "", name)
    chosen = settings.get("contract", "syncd")
    if chosen not in CONTRACTS:
        raise _wrong(name, "contract", tr(f"known are {', '.join(CONTRACTS)}", f"известны {', '.join(CONTRACTS)}"))
    base = CONTRACTS[chosen]
    made = replace(
        base,
        create=_call(settings, "create", base.create, name) or base.create,
        look_up=_call(settings, "look_up", base.look_up, name),
        ping=_call(settings, "ping", base.ping, name),
        idempotent=_typed(settings, "idempotent", bool, base.idempotent and "create" not in settings, name),
        wsdl=_wsdl(settings, base.wsdl, name),
        service=_typed(settings, "service", str, base.service, name),
        soap=_soap(settings, name),
    )
    if made.look_up is None and not made.idempotent:
        raise ConfigError("E982", endpoint=name)
    return made


def _wsdl(settings: Mapping[str, Any], default: str, name: str) -> str:
    found: str = _typed(settings, "wsdl", str, default, name)
    if not found.startswith(("?", "/", "file:")):
        raise _wrong(name, "wsdl", "?wsdl, /base/ws/Name?wsdl, file:/path")
    return found


def _soap(settings: Mapping[str, Any], name: str) -> Soap:
    found = str(settings.get("soap", "1.1"))  # --set soap=1.2 reads as a number
    if found == "1.1":
        return "1.1"
    if found == "1.2":
        return "1.2"
    raise _wrong(name, "soap", "1.1, 1.2")


def _call(settings: Mapping[str, Any], key: str, base: Call | None, name: str) -> Call | None:
    """``false`` for none, a word for an operation with the base's names, or an object with all of it."""
    found = settings.get(key, base)
    if found is None or isinstance(found, Call):
        return found
    if found is False and key != "create":
        return None
    if isinstance(found, str):
        return Call(found) if base is None else replace(base, operation=found)
    if not isinstance(found, Mapping) or not isinstance(found.get("operation"), str):
        en, ru = 'an object with "operation" is needed', 'нужен объект с ключом "operation"'
        raise _wrong(name, key, tr(en, ru))
    _known(found, ("operation", "parameters", "results"), f"{key}.", name)
    parameters = _names(found, "parameters", key, name)
    for parameter, source in parameters.items():
        if source not in SOURCES and not source.startswith(("order.", "=")):
            known = ", ".join((*SOURCES, "order.…", "=…"))
            raise _wrong(name, f"{key}.parameters.{parameter}", tr(f"known are {known}", f"известны {known}"))
    results = _names(found, "results", key, name)
    _known(results, RESULTS, f"{key}.results.", name)
    if key != "ping" and not results.keys() & {"done", "ref", "documents"}:
        en, ru = "done, ref or documents must be named", "должно быть названо done, ref или documents"
        raise _wrong(name, f"{key}.results", tr(en, ru))
    return Call(found["operation"], parameters, results)


def _names(found: Mapping[str, Any], part: str, key: str, name: str) -> dict[str, str]:
    values = found.get(part, {})
    if not isinstance(values, Mapping) or not all(isinstance(value, str) for value in values.values()):
        raise _wrong(name, f"{key}.{part}", tr("an object of texts is needed", "нужен объект из строк"))
    return {str(each): str(value) for each, value in values.items()}


def _typed(settings: Mapping[str, Any], key: str, kind: type, default: Any, name: str) -> Any:
    found = settings.get(key, default)
    if found is not default and not isinstance(found, kind):
        raise _wrong(name, key, kind.__name__)
    return found


def _known(found: Mapping[str, Any], allowed: tuple[str, ...], where: str, name: str) -> None:
    for key in found:
        if key not in allowed:
            near = get_close_matches(key, allowed, n=1)
            hint = tr(f"did you mean {near[0]}?", f"может быть, {near[0]}?") if near else ", ".join(allowed)
            raise _wrong(name, f"{where}{key}", tr("no such setting; ", "нет такой настройки; ") + hint)


def _wrong(name: str, key: str, detail: str) -> ConfigError:
    return ConfigError("E981", endpoint=name, key=key, detail=detail)
