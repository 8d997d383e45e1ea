"""What a source asks of 1C: the set or virtual table, the filter, and exactly the properties it needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from syncd.mappings.language import Source

_DATES: Final = frozenset({"Period", "StartPeriod", "EndPeriod"})


@dataclass(frozen=True, slots=True)
class Query:
    """A request of OData without its address. Nothing is percent-encoded; texts are as 1C must see them.

    ``set`` is the published set, ``table`` the virtual table of it (empty for the set itself). ``lookups`` are sets
    that hold what references lead to, with the properties needed there beside ``Ref_Key``.
    """

    set: str
    table: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    filter: str = ""
    select: tuple[str, ...] = ()
    expand: tuple[str, ...] = ()
    lookups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    changed_by: str = ""
    days: int | None = None

    @property
    def resource(self) -> str:
        """The path: ``Catalog_X``, or ``Register/Balance(Condition='…')`` with quotes doubled inside of quotes."""
        if not self.table:
            return self.set
        given = ",".join(f"{name}={_literal(name, value)}" for name, value in self.parameters.items())
        return f"{self.set}/{self.table}({given})"

    @property
    def options(self) -> dict[str, str]:
        """What goes behind the path, for a whole read: page by page it is ordered by ``order``."""
        given = {
            "$filter": self.filter, "$select": ",".join(self.select), "$expand": ",".join(self.expand),
            "$orderby": self.order,
        }  # fmt: skip
        return {name: value for name, value in given.items() if value}

    def narrowed(self, now: datetime, since: datetime | None = None) -> str:
        """The filter for one read: documents of the last ``days`` before ``now``, and what changed after ``since``.

        Both are times of the base's own clock. Where the source has no ``changed_by``, ``since`` narrows nothing.
        """
        parts = [f"({self.filter})"] if self.filter else []
        if self.days is not None:
            parts.append(f"Date ge {_moment(now - timedelta(days=self.days))}")
        if since is not None and self.changed_by:
            parts.append(f"{self.changed_by} gt {_moment(since)}")
        return " and ".join(parts) if len(parts) > 1 else self.filter or "".join(parts)

    @property
    def order(self) -> str:
        """What to order pages by; objects have a key of their own, rows of a virtual table come as a whole."""
        return "Ref_Key" if self.set.startswith(("Catalog_", "Document_", "ExchangePlan_", "ChartOf")) else ""


def _moment(moment: datetime) -> str:
    return f"datetime'{moment.replace(tzinfo=None, microsecond=0).isoformat()}'"


def _literal(name: str, value: str) -> str:
    if name in _DATES:
        return value if value.startswith("datetime") else f"datetime'{value}'"
    return "'" + value.replace("'", "''") + "'"


def split(name: str) -> tuple[str, str]:
    """A ``from`` as set and virtual table."""
    set_, _, table = name.partition("/")
    return set_, table


def query_of(source: Source, paths: Iterable[str], lookups: Mapping[str, set[str]], sections: set[str]) -> Query:
    """The request of a source that needs these paths. ``sections`` are its tabular sections: they are taken whole."""
    set_, table = split(source.from_ or "")
    select: dict[str, None] = {}
    expand: dict[str, None] = {}
    for path in paths:
        head, _, rest = path.partition("/")
        if head in sections:
            select[head] = None
        elif rest:
            select[path] = None
            expand[path.rpartition("/")[0]] = None
        else:
            select[path] = None
    if source.changed_by:
        select[source.changed_by] = None
    return Query(
        set=set_, table=table, parameters=dict(source.parameters), filter=source.where or "", select=tuple(select),
        expand=tuple(expand), lookups={name: tuple(sorted(takes)) for name, takes in sorted(lookups.items())},
        changed_by=source.changed_by or "", days=source.days,
    )  # fmt: skip
