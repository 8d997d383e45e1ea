"""A base for any ``$metadata``: objects with codes and descriptions, registers empty, no code of a configuration."""

from __future__ import annotations

from syncd.emulator.odata.model import EntitySet, Kind, Row, Schema
from syncd.emulator.odata.preset import Preset
from syncd.emulator.odata.seeds import ObjectSeeds, Refs
from syncd.emulator.odata.store import Store
from syncd.emulator.odata.writing import NoRules, Rules

_DAY = "2026-01-12T10:00:00"


def generic(schema: Schema, publication: str) -> Preset:
    """A preset that publishes this schema."""
    return Preset("metadata", publication, "", lambda: schema, _fill, _no_rules)


def _no_rules(store: Store) -> Rules:
    del store
    return NoRules()


def _fill(store: Store, seed: int, size: int) -> list[tuple[str, str]]:
    for entity_set in store.schema.sets.values():
        if entity_set.kind is Kind.OBJECTS:
            _objects(store, entity_set, seed, 2 if entity_set.prefix == "ExchangePlan" else size)
        elif entity_set.kind is Kind.CONSTANT:
            store.put(entity_set.name, {**entity_set.type.blank(), "SurrogateKey": 0})
    return []


def _objects(store: Store, entity_set: EntitySet, seed: int, size: int) -> None:
    name = entity_set.name.partition("_")[2]

    def make(index: int) -> Row:
        row: Row = {}
        if entity_set.code_length:
            row["Code"] = f"{index + 1:0{entity_set.code_length}d}"
        if entity_set.number_length:
            row["Number"] = f"{index + 1:0{entity_set.number_length}d}"
        if "Date" in entity_set.type.props:
            row["Date"] = _DAY
        if "Description" in entity_set.type.props:
            row["Description"] = f"{name} {index + 1}"
        if "ThisNode" in entity_set.type.props:
            row["ThisNode"] = index == 0
        return row

    store.seed(entity_set.name, ObjectSeeds(Refs(seed, entity_set.name, size), entity_set.type, make))
