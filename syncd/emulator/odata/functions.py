"""Which functions 1C binds to which sets, as its ``$metadata`` declares them."""

from __future__ import annotations

from typing import Final

from syncd.emulator.odata.model import EntitySet, Function, Kind, Schema

_TEXT: Final = "Edm.String"
_DATE: Final = "Edm.DateTime"
SLICES: Final = ("SliceLast", "SliceFirst")
_SLICE: Final = (("Condition", _TEXT), ("Period", _DATE))
_BALANCE: Final = (("Condition", _TEXT), ("Dimensions", _TEXT), ("Period", _DATE))
_TURNOVERS: Final = (("Condition", _TEXT), ("Dimensions", _TEXT), ("EndPeriod", _DATE), ("StartPeriod", _DATE))
_POSTING: Final = (("PostingModeOperational", "Edm.Boolean"),)


def bind(schema: Schema, entity_set: EntitySet) -> None:
    """Publish what can be called on this set."""
    name = entity_set.name
    if name.startswith("Document_") and entity_set.kind is Kind.OBJECTS and entity_set.posting:
        for action in ("Post", "Unpost"):
            _add(schema, Function(action, name, _POSTING, side_effects=True))
    elif name.startswith("BusinessProcess_") and entity_set.kind is Kind.OBJECTS:
        _add(schema, Function("Start", name, (("RoutePoint", _TEXT),), side_effects=True))
    elif name.startswith("Task_") and entity_set.kind is Kind.OBJECTS:
        _add(schema, Function("ExecuteTask", name, (), side_effects=True))
    elif name.startswith("InformationRegister") and "Period" in entity_set.type.props:
        for function in SLICES:
            _add(schema, Function(function, name, _SLICE, returns=entity_set.type.name))
    elif name.startswith("AccumulationRegister") and entity_set.kind is Kind.RECORD_SETS:
        if entity_set.balance:
            _add(schema, Function("Balance", name, _BALANCE, returns=f"{name}_Balance"))
            _add(schema, Function("BalanceAndTurnovers", name, _TURNOVERS, returns=f"{name}_BalanceAndTurnover"))
        _add(schema, Function("Turnovers", name, _TURNOVERS, returns=f"{name}_Turnover"))


def _add(schema: Schema, function: Function) -> None:
    schema.functions[(function.bound, function.name)] = function
