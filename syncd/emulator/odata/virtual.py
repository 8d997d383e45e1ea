"""The virtual tables of registers: balances, turnovers, first and last slices (developer guide, 17.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import Final, TypeAlias

from syncd.emulator.odata.evaluate import Test, number
from syncd.emulator.odata.literals import Literal, Type, literal
from syncd.emulator.odata.model import EntitySet, EntityType, Function, Kind, Prop, Role, Row, Wire
from syncd.emulator.odata.reading import Reader
from syncd.emulator.odata.refusals import no_property, option_unreadable, unreadable

_END: Final = "9999-12-31T23:59:59"
_OPEN, _IN, _OUT = 0, 1, 2
Sums: TypeAlias = list[list[float]]
"""Per resource: opening balance, receipt, expense."""
_ROUND: Final = 6

_COLUMNS: Final[dict[str, tuple[tuple[str, Callable[[list[float]], float]], ...]]] = {
    "Balance": (("Balance", lambda sums: sums[_OPEN]),),
    "Turnovers": (
        ("Turnover", lambda sums: sums[_IN] - sums[_OUT]),
        ("Receipt", itemgetter(_IN)),
        ("Expense", itemgetter(_OUT)),
    ),
    "BalanceAndTurnovers": (
        ("OpeningBalance", itemgetter(_OPEN)),
        ("Turnover", lambda sums: sums[_IN] - sums[_OUT]),
        ("Receipt", itemgetter(_IN)),
        ("Expense", itemgetter(_OUT)),
        ("ClosingBalance", lambda sums: sums[_OPEN] + sums[_IN] - sums[_OUT]),
    ),
}


def columns(entity_set: EntitySet, record: EntityType, function: Function) -> EntityType:
    """The type of a virtual table's rows: dimensions, then the resources with what was asked of them."""
    if function.name.startswith("Slice"):
        return record
    made = EntityType(function.returns, ())
    for prop in record.props.values():
        if prop.role is Role.DIMENSION:
            made.add(prop)
    for name in record.of_role(Role.RESOURCE):
        for suffix, _ in _suffixes(entity_set, function.name):
            made.add(Prop(f"{name}{suffix}", "Edm.Double"))
    made.navs = {name: target for name, target in record.navs.items() if f"{name}_Key" in made.props}
    return made


def _suffixes(entity_set: EntitySet, function: str) -> tuple[tuple[str, Callable[[list[float]], float]], ...]:
    """A register of turnovers has no receipts and expenses."""
    found = _COLUMNS[function]
    return found if entity_set.balance else found[:1]


@dataclass(slots=True)
class Call:
    """A virtual table as it was asked for."""

    entity_set: EntitySet
    record: EntityType
    function: Function
    arguments: dict[str, str]


class VirtualTables:
    """Computes them over one store."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def rows(self, call: Call) -> Iterator[Row]:
        """The rows of the table.

        Raises ``ODataRefusal`` for arguments that cannot be read.
        """
        if call.function.name.startswith("Slice"):
            return self._slice(call)
        return self._totals(call)

    # -- slices

    def _slice(self, call: Call) -> Iterator[Row]:
        """For each set of dimensions the last record up to the period, or the first from it on."""
        last = call.function.name == "SliceLast"
        period = _date(call, "Period", _END if last else "")
        test = self._condition(call)[0]
        dimensions = [prop.name for prop in call.record.props.values() if prop.role is Role.DIMENSION]

        def fits(row: Row) -> bool:
            when = str(row["Period"])
            if row.get("Active") is False or (when > period if last else when < period):
                return False
            return test is None or test(row)

        best: dict[tuple[Wire, ...], Row] = {}
        for row in filter(fits, self._records(call, touched=True)):
            key = tuple(_scalar(row.get(name)) for name in dimensions)
            old = best.get(key)
            if old is None or (str(row["Period"]) >= str(old["Period"])) == last:
                best[key] = row
        return self._merged(best, dimensions, filter(fits, self._records(call, touched=False)), last=last)

    @staticmethod
    def _merged(
        best: dict[tuple[Wire, ...], Row], dimensions: list[str], rows: Iterable[Row], *, last: bool
    ) -> Iterator[Row]:  # fmt: skip
        """The seeded rows one by one, each given way to a better changed one; so nothing large is kept in memory."""
        for row in rows:
            other = best.pop(tuple(_scalar(row.get(name)) for name in dimensions), None) if best else None
            better = other is not None and (str(other["Period"]) >= str(row["Period"])) == last
            yield other if better and other is not None else row
        yield from best.values()

    # -- totals

    def _totals(self, call: Call) -> Iterator[Row]:
        record = call.record
        resources = record.of_role(Role.RESOURCE)
        keys = self._dimensions(call)
        test = self._condition(call)[0]
        start, end = _period(call)
        whole = len(keys) == sum(prop.role is Role.DIMENSION for prop in record.props.values())
        totals: dict[tuple[Wire, ...], Sums] = {}

        def add(rows: Iterable[Row]) -> None:
            for row in rows:
                if row.get("Active") is not False and str(row["Period"]) <= end and (test is None or test(row)):
                    key = tuple(_scalar(row.get(name)) for name in keys)
                    _add(totals.setdefault(key, [[0, 0, 0] for _ in resources]), row, resources, start)

        add(self._records(call, touched=True))
        table = self._reader.store.tables[call.entity_set.name]
        if not (whole and table.seeds.unique):
            add(self._records(call, touched=False))
            return self._shown(call, keys, resources, totals.items())
        return self._streamed(call, keys, resources, totals, (test, start, end))

    def _streamed(
        self, call: Call, keys: list[str], resources: list[str], totals: dict[tuple[Wire, ...], Sums],
        limits: tuple[Test | None, str, str],
    ) -> Iterator[Row]:  # fmt: skip
        """Each seeded row has dimensions of its own: it is shown at once, with what changes added to it."""
        test, start, end = limits

        def pairs() -> Iterator[tuple[tuple[Wire, ...], Sums]]:
            for row in self._records(call, touched=False):
                if str(row["Period"]) <= end and (test is None or test(row)):
                    key = tuple(_scalar(row.get(name)) for name in keys)
                    sums = totals.pop(key, None) or [[0, 0, 0] for _ in resources]
                    _add(sums, row, resources, start)
                    yield key, sums
            yield from totals.items()

        return self._shown(call, keys, resources, pairs())

    @staticmethod
    def _shown(
        call: Call, keys: list[str], resources: list[str], totals: Iterable[tuple[tuple[Wire, ...], Sums]]
    ) -> Iterator[Row]:  # fmt: skip
        """Rows in which everything is nought are not shown."""
        wanted = _suffixes(call.entity_set, call.function.name)
        for key, sums in totals:
            row: Row = dict(zip(keys, key, strict=True))
            filled = False
            for name, sum_ in zip(resources, sums, strict=True):
                for suffix, value in wanted:
                    row[f"{name}{suffix}"] = found = _neat(value(sum_))
                    filled = filled or found != 0
            if filled:
                yield row

    # -- arguments

    def _dimensions(self, call: Call) -> list[str]:
        text = call.arguments.get("Dimensions")
        all_ = [prop.name for prop in call.record.props.values() if prop.role is Role.DIMENSION]
        if text is None:
            return all_
        found: list[str] = []
        for name in (part.strip() for part in _text(call, "Dimensions").split(",") if part.strip()):
            field = call.record.field_of(name)
            if field not in all_:
                raise no_property(name)
            found += [field, f"{field}_Type"] if f"{field}_Type" in all_ else [field]
        return found

    def _condition(self, call: Call) -> tuple[Test | None, dict[str, frozenset[str]]]:
        text = _text(call, "Condition") if "Condition" in call.arguments else ""
        return self._reader.condition(call.record, text, "Condition")

    def _records(self, call: Call, *, touched: bool) -> Iterator[Row]:
        table = self._reader.store.tables[call.entity_set.name]
        owners = table.touched() if touched else table.untouched(self._condition(call)[1])
        if call.entity_set.kind is Kind.INDEPENDENT:
            yield from owners
            return
        for owner in owners:
            below = owner.get("RecordSet")
            if isinstance(below, list):
                yield from below


def _add(sums: Sums, row: Row, resources: list[str], start: str) -> None:
    expense = row.get("RecordType") == "Expense"
    for place, name in zip(sums, resources, strict=True):
        value = row.get(name)
        amount = number(value) if isinstance(value, (int, float, str)) else 0
        if start and str(row["Period"]) >= start:
            place[_OUT if expense else _IN] += amount
        else:
            place[_OPEN] += -amount if expense else amount


def _neat(value: float) -> float:
    """Without the dust of binary fractions."""
    found = round(value, _ROUND)
    return int(found) if float(found).is_integer() else found


def _scalar(value: Wire) -> Wire:
    assert not isinstance(value, (list, dict))
    return value


def _period(call: Call) -> tuple[str, str]:
    """Records from the first on are turnovers, earlier ones opening balance; later than the second do not count."""
    if call.function.name == "Balance":
        return "", _date(call, "Period", _END)
    return _date(call, "StartPeriod", "0000"), _date(call, "EndPeriod", _END)


def _argument(call: Call, name: str) -> Literal | None:
    text = call.arguments.get(name)
    if text is None:
        return None
    found = literal(text)
    if found is None:
        raise option_unreadable(name)
    return found


def _date(call: Call, name: str, default: str) -> str:
    found = _argument(call, name)
    if found is None:
        return default
    if found.type is not Type.DATE:
        raise unreadable(found.value, "Edm.DateTime")
    return str(found.value)


def _text(call: Call, name: str) -> str:
    found = _argument(call, name)
    if found is None or found.type is not Type.TEXT:
        raise option_unreadable(name)
    return str(found.value)
