"""Virtual tables: balances, turnovers and slices, computed by 1C when asked.

Parameters go by name (their order differs between releases). ``condition`` is applied before the computation and only
to dimensions: always give it where you can, as ``$top`` saves 1C nothing. Rows have no ``Ref_Key``, cannot be paged
through cheaply, and come in one answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from syncd.adapters.odata import following
from syncd.adapters.odata.answers import Record
from syncd.adapters.odata.client import Client
from syncd.adapters.odata.filters import Filter
from syncd.adapters.odata.literals import literal, name, string
from syncd.adapters.odata.reading import selected

Table = Literal["Balance", "Turnovers", "BalanceAndTurnovers", "SliceLast", "SliceFirst", "DrCrTurnovers"]


def rows(
    client: Client, register: str, table: Table, *, condition: Filter | None = None,
    dimensions: Sequence[str] = (), period: datetime | None = None, start: datetime | None = None,
    end: datetime | None = None, accounts: Filter | None = None, where: Filter | None = None,
    select: Sequence[str] = (), allowed_only: bool | None = None,
) -> list[Record]:  # fmt: skip
    """Rows of a virtual table of ``register`` (with ``_RecordType`` for slices of a subordinate register).

    ``dimensions``: group by these only, named without ``_Key``. ``period``: as of then; ``start`` and ``end`` for
    turnovers. ``accounts``: the only place for conditions on accounts. ``where``: on results (``…Balance``). A resource
    ``Х`` comes as ``ХBalance`` or ``ХTurnover``. Raises UnknownName for a table that this register lacks.
    """
    clock = client.endpoint.clock
    parameters = {
        "Period": None if period is None else literal(period, clock),
        "StartPeriod": None if start is None else literal(start, clock),
        "EndPeriod": None if end is None else literal(end, clock),
        "Condition": string(condition) if condition else None,
        "AccountCondition": string(accounts) if accounts else None,
        "Dimensions": string(",".join(map(name, dimensions))) if dimensions else None,
    }
    stated = ",".join(f"{parameter}={value}" for parameter, value in parameters.items() if value is not None)
    query = {"$filter": str(where)} if where else {}
    if fields := selected(select):
        query["$select"] = ",".join(fields)
    if client.endpoint.allowed_only if allowed_only is None else allowed_only:
        query["allowedOnly"] = "true"
    body = client.get(f"{name(register)}/{name(table)}({stated})", query, kind="table")
    return following.whole(client, body, kind="table")
