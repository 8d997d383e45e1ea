"""Stored prices whose type gets a currency: named, whatever stands under that currency already."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from syncd.model.records import Record
from syncd.store.db import execute
from syncd.sync import currencies
from tests.api.site import Site
from tests.store.conftest import merge_into


def price(money: str, value: int, *, deleted: bool = False) -> Record:
    return Record("price", ("o", "t", money, Decimal(0)), {"value": Decimal(value)}, None, deleted)


@pytest.mark.parametrize(
    ("named", "then"),
    [
        (None, {"KZT": (10, False)}),
        (price("KZT", 20), {"": (10, True), "KZT": (20, False)}),
        (price("KZT", 20, deleted=True), {"": (10, True), "KZT": (10, False)}),
    ],
)
def test_a_price_is_named_when_its_type_gets_a_currency(site: Site, named: Record | None, then: dict[str, Any]) -> None:
    others = Record("price", ("o", "other", "", Decimal(0)), {"value": Decimal(1)}, None, False)
    type_ = Record("price_type", ("t",), {"name": "Розничная", "currency": "KZT"}, None, False)
    records = [price("", 10), others, type_, *([named] if named else [])]
    for tenant in ("default", "another"):
        merge_into(site.ctx.db, records, seq=1, tenant=tenant)
    for _ in range(2):
        with site.ctx.db.transaction() as conn:
            currencies.settle(conn, "default")
    query = "SELECT currency, value, deleted_at FROM prices WHERE tenant = %(t)s AND price_type_id = 't'"
    found = {row["currency"]: (row["value"], row["deleted_at"] is not None) for row in site.rows(query, t="default")}
    assert found == then
    assert "" in {row["currency"] for row in site.rows(query, t="another") if row["deleted_at"] is None}
    assert (
        site.row("SELECT currency FROM prices WHERE price_type_id = 'other' AND tenant = 'default'")["currency"] == ""
    )


def test_prices_without_currency_are_found_by_an_index_of_their_own(site: Site) -> None:
    merge_into(site.ctx.db, [price("RUB", n) for n in range(3)], seq=1, tenant="default")
    with site.ctx.db.transaction() as conn:
        execute(conn, "SET LOCAL enable_seqscan = off")
        for step in currencies.STEPS:
            plan = conn.execute(("EXPLAIN " + step).encode(), {"t": "default"}).fetchall()
            assert any("prices_without_currency_idx" in row["QUERY PLAN"] for row in plan)
