"""Which order of ours a document of 1C is.

By our mark first, then by 1C's reference; then, for orders that went to the base another way, by the number in the
exchange and by 1C's own number. A copy that somebody made of an order in 1C bears its mark too: the reference that an
order is known by tells it from the copy.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from syncd.adapters.odata.markers import ENOUGH
from syncd.adapters.ports import PulledOrder
from syncd.store.db import Conn, every, one
from syncd.store.endpoints import Endpoint

_ID: Final = re.compile(r"[0-9a-fA-F-]+")
_NONE: Final = "00000000-0000-0000-0000-000000000000"
_ALL: Final = "ffffffff-ffff-ffff-ffff-ffffffffffff"
_EARLIER: Final = timedelta(days=2)
"""A document may be dated so much before we had the order: clocks, and the customer's own date."""
_REMEMBERED: Final = "400 days"
"""1C begins to number anew each year: an older order of the same number is another one."""
_GIVEN_HERE: Final = """EXISTS (
    SELECT FROM outbox o LEFT JOIN endpoint e ON e.tenant = o.tenant AND e.id = o.endpoint_id
    WHERE o.tenant = s.tenant AND o.kind = 'order' AND o.key = s.id::text
      AND (o.infobase_id = %(base)s OR e.infobase_id = %(base)s OR e.id = %(endpoint)s))"""
"""Several bases number their documents alike: an order that went to another is none of this one."""
_FIND: Final = f"""
    SELECT id FROM (
        SELECT s.id, 1 AS rank FROM sales_order s
        WHERE s.tenant = %(t)s AND s.id BETWEEN %(low)s AND %(high)s AND s.origin = 'storefront'
          AND coalesce(s.id_1c, %(ref)s) = %(ref)s
        UNION ALL
        SELECT s.id, CASE s.origin WHEN 'storefront' THEN 2 ELSE 4 END FROM sales_order s
        WHERE s.tenant = %(t)s AND s.id_1c = %(ref)s
        UNION ALL
        SELECT s.id, 3 FROM sales_order s
        WHERE s.tenant = %(t)s AND s.exchange_number = %(mark)s AND s.origin = 'storefront' AND s.id_1c IS NULL
          AND coalesce(s.number_1c, %(number)s::text, '') = coalesce(%(number)s::text, '')
          AND (%(date)s::timestamptz IS NULL OR s.created_at <= %(date)s + %(earlier)s) AND {_GIVEN_HERE}
    ) found ORDER BY rank LIMIT 1
"""  # noqa: S608 - constants only


class OrderKeys:
    """Finds orders within one transaction, for the documents of one base."""

    def __init__(self, conn: Conn, tenant: str, endpoint: Endpoint) -> None:
        self._conn = conn
        self._zone = endpoint.zone
        self._where: dict[str, Any] = {"t": tenant, "base": endpoint.infobase_id, "endpoint": endpoint.id}
        self._numbered: dict[str, list[tuple[UUID, datetime]]] | None = None

    def known(self, refs: Collection[str]) -> set[str]:
        """Which of these references orders are known by."""
        query = "SELECT DISTINCT id_1c FROM sales_order WHERE tenant = %(t)s AND id_1c = ANY(%(refs)s)"
        return {row["id_1c"] for row in every(self._conn, query, refs=list(refs), **self._where)}

    def find(self, order: PulledOrder, date: datetime | None) -> UUID | None:
        """The order's id; ``date``: that of the document."""
        document = order.document
        low, high = between(order.marker)
        row = one(
            self._conn, _FIND, ref=document.id, low=low, high=high, mark=order.marker.strip().upper(),
            number=document.number_1c, date=date, earlier=_EARLIER, **self._where,
        )  # fmt: skip
        if row is not None:
            return UUID(str(row["id"]))
        return self._by_number(document.number_1c, date) if order.born and document.number_1c and date else None

    def _by_number(self, number: str, date: datetime) -> UUID | None:
        if self._numbered is None:
            self._numbered = {}
            for row in self._without_reference():
                self._numbered.setdefault(row["number_1c"], []).append((row["id"], row["date_1c"]))
        day = date.date()
        near = [id_ for id_, at in self._numbered.get(number, ()) if at.astimezone(date.tzinfo).date() == day]
        return near.pop() if len(near) == 1 else None

    def _without_reference(self) -> Iterable[dict[str, Any]]:
        """Orders that 1C numbered and that we know no reference of: it fetched them by itself."""
        return every(
            self._conn,
            f"""SELECT s.id, s.number_1c, s.date_1c FROM sales_order s
                WHERE s.tenant = %(t)s AND s.origin = 'storefront' AND s.id_1c IS NULL AND s.number_1c IS NOT NULL
                  AND s.date_1c > now() - %(ago)s::interval AND {_GIVEN_HERE}""",  # noqa: S608 - constants only
            ago=_REMEMBERED, **self._where,
        )  # fmt: skip


def between(marker: str) -> tuple[UUID | None, UUID | None]:
    """The first and the last id that this mark, be it cut, may stand for; nothing for one that is no id of ours."""
    text = marker.strip()
    if not ENOUGH <= len(text) <= len(_NONE) or not _ID.fullmatch(text):
        return None, None
    try:
        return UUID(text + _NONE[len(text) :]), UUID(text + _ALL[len(text) :])
    except ValueError:
        return None, None
