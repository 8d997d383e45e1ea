"""What records of a document lacked: said behind them, in another document, or long ago."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from syncd.commerceml.policy import Beforehand
from syncd.commerceml.reader import Reader
from syncd.store.db import Conn, every

_STORED: Final = "SELECT id, currency FROM price_types WHERE tenant = %(t)s AND id = ANY(%(ids)s) AND currency <> ''"


def said_elsewhere(conn: Conn, tenant: str, reader: Reader, currencies: Mapping[str, str]) -> Beforehand | None:
    """What to know before a document is read once more; ``None``: it lacked nothing that is known. ``currencies`` are
    those of price types of the documents before it.
    """
    late, lacking = reader.late or Beforehand(), reader.context.lacking - reader.context.currencies.keys()
    stored = every(conn, _STORED, t=tenant, ids=list(lacking)) if lacking else []
    found = {str(row["id"]): str(row["currency"]) for row in stored}
    found |= {name: currencies[name] for name in lacking & currencies.keys()}
    found |= late.currencies
    return Beforehand(late.catalogues, found) if found or late.catalogues else None
