"""How an order becomes a document of a configuration: what must be there first, what the document says, whether it is
posted. Plain callables; the mapping language makes them, or a test does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, ParamSpec, TypeAlias, TypeVar
from uuid import UUID

from syncd.adapters.odata import reading, writing
from syncd.adapters.odata.answers import Record
from syncd.adapters.odata.client import Client
from syncd.adapters.odata.filters import Filter
from syncd.adapters.odata.literals import EMPTY_REF, ref
from syncd.adapters.odata.markers import HEAD, Marker, precedence
from syncd.errors import MappingError, Refused

Order: TypeAlias = Mapping[str, Any]
"""The order as the delivery carries it."""
Refs: TypeAlias = Mapping[str, str]
"""References found or made so far, by the name of their step."""
Posting = Literal["required", "try", "no"]
"""Whether a delivery is done without posting: ``try`` posts where 1C lets it, and tells what 1C says otherwise."""


def _nothing(_order: Order, _refs: Refs) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Reference:
    """An object that the document needs: a partner, a counterparty, a contract.

    ``search`` gives conditions, the surest first (our own mark, the taxpayer's number); the first that finds something
    decides. ``make`` gives the body of a new one, ``None`` where the mapping does not allow it; what it makes must be
    found by one of the conditions. ``shown`` names the object for people. ``needed`` may be false: then the reference
    stays out.
    """

    name: str
    set_name: str
    search: Callable[[Order, Refs], Sequence[Filter]]
    shown: Callable[[Order], str]
    make: Callable[[Order, Refs], Mapping[str, Any] | None] = _nothing
    needed: bool = True


@dataclass(frozen=True, slots=True)
class OrderMapping:
    """``build`` gives the fields and tabular sections of the document, without the mark. ``existing`` names references
    of the order that 1C must know already, by set: 1C takes a dangling one without a word.
    """

    marker: Marker
    build: Callable[[Order, Refs], Mapping[str, Any]]
    references: Sequence[Reference] = ()
    existing: Mapping[str, Callable[[Order], Iterable[str]]] = field(default_factory=dict)
    posting: Posting = "required"

    @property
    def set_name(self) -> str:
        """The set of the document."""
        return self.marker.set_name


P = ParamSpec("P")
T = TypeVar("T")


def asked(rule: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What a rule of the mapping gives. Raises MappingError E846 where the rule stumbles over the order."""
    try:
        return rule(*args, **kwargs)
    except (LookupError, ValueError, TypeError, ArithmeticError, AttributeError) as error:
        order = args[0] if args and isinstance(args[0], Mapping) else {}
        shown = str(order.get("number") or order.get("id") or "?")
        raise MappingError("E846", order=shown, detail=f"{type(error).__name__}: {error}") from error


def resolve(client: Client, mapping: OrderMapping, order: Order) -> dict[str, str]:
    """Find what the document refers to, in the order of the steps, and make what is missing and may be made.

    Raises Refused E839 for what is missing, and what ``writing.create`` raises.
    """
    for set_name, wanted in mapping.existing.items():
        require(client, set_name, {str(ref(each)) for each in asked(wanted, order) if each and each != EMPTY_REF})
    refs: dict[str, str] = {}
    for step in mapping.references:
        if (found := _resolved(client, step, order, refs)) is not None:
            refs[step.name] = found
    return refs


def _resolved(client: Client, step: Reference, order: Order, refs: Refs) -> str | None:
    conditions = [condition for condition in asked(step.search, order, refs) if condition]

    def search() -> list[Record]:
        return _searched(client, step.set_name, conditions)

    if found := search():
        return str(found[0]["Ref_Key"])
    body = asked(step.make, order, refs)
    if body is None:
        if step.needed:
            raise Refused("E839", what=step.name, value=asked(step.shown, order), path=f"references.{step.name}")
        return None
    return writing.create(client, step.set_name, body, search).ref


def _searched(client: Client, set_name: str, conditions: Sequence[Filter]) -> list[Record]:
    for condition in conditions:
        found = [
            record
            for record in reading.find(client, set_name, condition, HEAD)
            if record.get("DeletionMark") is not True
        ]
        if found:
            return sorted(found, key=precedence)
    return []


def require(
    client: Client, set_name: str, wanted: set[str], path: Callable[[set[str]], str] = lambda _: ""
) -> None:  # fmt: skip
    """Raise Refused E839 unless 1C has all of these references. ``path`` tells where the missing ones stand."""
    missing = wanted - {str(UUID(each)) for each in reading.present(client, set_name, sorted(wanted))}
    if missing:
        raise Refused("E839", what=set_name, value=", ".join(sorted(missing)), path=path(missing) or set_name)
