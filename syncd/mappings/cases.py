"""Golden cases: records of 1C beside a mapping, and what must become of them.

The file lies beside the mapping (``trade.yaml`` has ``trade.cases.yaml``) and is a list; the guide to mappings
describes its keys. Only what ``expect`` names is compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from syncd.errors import MappingError
from syncd.i18n import tr
from syncd.mappings.compiled import CompiledSource, compile_mapping
from syncd.mappings.loading import Mapping as Loaded
from syncd.mappings.rules import Row
from syncd.mappings.tree import Tree, parse
from syncd.mappings.words import hint
from syncd.mappings.write import CompiledWrite, compile_write
from syncd.model.records import Record

WRITE = "orders.write"
"""The section of cases for the direction into 1C: ``given`` is an order, ``expect`` the body of the document."""


class Case(BaseModel):
    """One case. ``expect`` of ``null``: the record is left out; ``error``: the code that must come."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    section: str
    name: str = ""
    given: dict[str, Any]
    lookups: dict[str, dict[str, dict[str, Any]]] = Field(default_factory=dict)
    refs: dict[str, str] = Field(default_factory=dict)
    expect: dict[str, Any] | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that came out otherwise."""

    field: str
    expected: str
    got: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one case. It passed when there are no differences."""

    case: Case
    line: int
    differences: tuple[Difference, ...]


def read_cases(text: str, file: str) -> list[tuple[Case, int]]:
    """The cases with their lines. Raises ``MappingError`` E701-E703 at the place of a slip."""
    tree = parse("cases:\n" + "\n".join("  " + line for line in text.splitlines()), file).map["cases"]
    found = []
    for node in tree.list:
        line = node.place.line - 1  # of the line put before
        try:
            found.append((Case.model_validate(_plain(node)), line))
        except ValidationError as error:
            first = error.errors()[0]
            place = f"{file}:{node.at(first['loc']).place.line - 1}"
            key = str(first["loc"][-1])
            if first["type"] == "extra_forbidden":
                raise MappingError("E701", place=place, key=key, hint=hint(key, Case.model_fields)) from error
            raise MappingError("E703", place=place, key=key, detail=first["msg"], hint="") from error
    return found


def _plain(node: Tree) -> object:
    """Numbers with a fraction exactly as written: money is no float."""
    if isinstance(node.value, dict):
        return {key: _plain(part) for key, part in node.value.items()}
    if isinstance(node.value, list):
        return [_plain(part) for part in node.value]
    return Decimal(node.text) if isinstance(node.value, float) else node.value


def run_cases(mapping: Loaded, cases: list[tuple[Case, int]], zone: tzinfo) -> list[Outcome]:
    """Run every case."""
    return [Outcome(case, line, tuple(_run(mapping, case, zone))) for case, line in cases]


def _run(mapping: Loaded, case: Case, zone: tzinfo) -> list[Difference]:
    if case.section == WRITE:
        return _compared(case, lambda: _written(compile_write(mapping, zone), case))

    def lookup(set_: str, key: str) -> Row | None:
        return case.lookups.get(set_, {}).get(key)

    sources = {source.label: source for source in compile_mapping(mapping, zone, lookup)}
    if case.section not in sources:
        known = [*sources, WRITE]
        return [
            Difference("section", case.section, tr("there is none.", "такого нет.") + hint(case.section, known, most=0))
        ]
    source = sources[case.section]
    return _compared(case, lambda: _record(source, source.run(_whole(source, case.given))))


def _whole(source: CompiledSource, given: dict[str, Any]) -> dict[str, Any]:
    """The record with everything the mapping reads: a case states what matters to it."""
    row = dict(given)
    for path in source.query.select:
        row.setdefault(path.partition("/")[0], None)
    return row


def _record(source: CompiledSource, record: Record | None) -> dict[str, Any] | None:
    if record is None:
        return None
    key = dict(zip(source.entity.key_names, record.key, strict=True))
    return {**key, **record.fields, **({"extra": record.extra} if record.extra else {}), "deleted": record.deleted}


def _written(write: CompiledWrite | None, case: Case) -> dict[str, Any] | None:
    return None if write is None else write.build(case.given, case.refs)


def _compared(case: Case, make: Any) -> list[Difference]:
    try:
        got = make()
    except MappingError as error:
        return [] if error.code == case.error else [Difference("", case.error or shown(case.expect), str(error))]
    if case.error is not None:
        return [Difference("", case.error, shown(got))]
    if case.expect is None or got is None:
        same = case.expect is None and got is None
        return [] if same else [Difference("", shown(case.expect), shown(got))]
    return [
        Difference(name, shown(wanted), shown(got.get(name)))
        for name, wanted in case.expect.items()
        if not _same(wanted, got.get(name))
    ]


def _same(wanted: Any, got: Any) -> bool:
    """Equal, or written alike: a number may stand as a text, a time in any zone."""
    if isinstance(wanted, Mapping) and isinstance(got, Mapping):
        return wanted.keys() == got.keys() and all(_same(value, got[name]) for name, value in wanted.items())
    if isinstance(wanted, list) and isinstance(got, list):
        return len(wanted) == len(got) and all(_same(a, b) for a, b in zip(wanted, got, strict=True))
    if isinstance(got, Decimal) and not isinstance(wanted, bool):
        return str(wanted) == format(got, "f") or (isinstance(wanted, int | Decimal) and wanted == got)
    if isinstance(got, datetime):
        return _moment(wanted) == got
    return bool(wanted == got or str(wanted) == str(got))


def _moment(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        return None


def shown(value: object) -> str:
    """A value as one line of YAML."""
    plain = yaml.safe_dump(_yaml(value), allow_unicode=True, default_flow_style=True, width=10_000, sort_keys=False)
    return plain.removesuffix("\n...\n").strip()


def _yaml(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(name): _yaml(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_yaml(part) for part in value]
    if isinstance(value, Decimal):
        return format(value, "f")
    return value.isoformat() if isinstance(value, datetime) else value
