"""Exchange plans: what changed since a node last confirmed.

``SelectChanges`` numbers what is registered and not yet sent, and gives all of it; ``NotifyChangesReceived`` forgets
what was sent under that number or an earlier one, and makes it the node's ReceivedNo. A change between the two is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from syncd.emulator.odata.model import EntitySet, Kind, Row
from syncd.emulator.odata.refusals import failed, no_instance
from syncd.emulator.odata.store import Key, Store


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one object, record or set of records: ``row`` None when it is gone."""

    entity_set: EntitySet
    key: Key
    row: Row | None


@dataclass(slots=True)
class ExchangePlans:
    """Registrations by node reference, each with the number of the message it went out in, or None."""

    store: Store
    _nodes: dict[str, dict[tuple[str, Key], int | None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.store.watchers.append(self._changed)

    def _changed(self, entity_set: EntitySet, key: Key, row: Row | None) -> None:
        if entity_set.prefix == "ExchangePlan":
            return
        del row
        for registered in self._registrations():
            registered.pop((entity_set.name, key), None)
            registered[(entity_set.name, key)] = None

    def _registrations(self) -> list[dict[tuple[str, Key], int | None]]:
        """Of every node there is; nodes may be added while the base runs."""
        for name, table in self.store.tables.items():
            if name.startswith("ExchangePlan") and "ThisNode" in table.set.type.props:
                for node in table.rows():
                    if not node["ThisNode"]:
                        self._nodes.setdefault(str(node["Ref_Key"]), {})
        return list(self._nodes.values())

    def register_all(self, node: str, *names: str) -> int:
        """Register everything of these sets (of all of them when none is named) for a node; returns how many."""
        self._registrations()
        registered = self._nodes[node]
        for name, table in self.store.tables.items():
            if (not names or name in names) and not name.startswith("ExchangePlan"):
                registered.update({(name, table.key_of(row)): None for row in table.rows()})
        return len(registered)

    def pending(self, node: str) -> int:
        """How many changes a node has not confirmed."""
        self._registrations()
        return len(self._nodes.get(node, {}))

    def select(self, plan: str, node: str, message: int) -> list[Change]:
        """All that is registered, the new among it under this number.

        Raises ``ODataRefusal``: 404 code 9 for an unknown node, -1 for the base's own.
        """
        row = self._node(plan, node)
        registered = self._nodes[node]
        for name, number in registered.items():
            if number is None:
                registered[name] = message
        self.store.tables[plan].put({**row, "SentNo": str(message)})
        tables = self.store.tables
        return [Change(tables[name].set, key, tables[name].get(key)) for name, key in registered]

    def confirm(self, plan: str, node: str, message: int) -> None:
        """Forget what went out in this message and before."""
        row = self._node(plan, node)
        kept = {name: number for name, number in self._nodes[node].items() if number is None or number > message}
        self._nodes[node] = kept
        self.store.tables[plan].put({**row, "ReceivedNo": str(message)})

    def _node(self, plan: str, node: str) -> Row:
        table = self.store.tables.get(plan)
        row = table.get((node,)) if table and table.set.kind is Kind.OBJECTS else None
        if row is None:
            raise no_instance(plan)
        if row["ThisNode"]:
            raise failed("Выборка изменений для узла, соответствующего этой информационной базе, недопустима")
        self._registrations()
        return row
