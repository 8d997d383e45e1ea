"""Contracts, settlements and documents of sales are listed as their declarations say."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from syncd.model import ENTITIES
from syncd.model.records import Record, WholeSet
from syncd.store.merge import merge_entity
from syncd.store.stage import Stage
from tests.api.site import Site

DAY = datetime(2026, 5, 1, 12, tzinfo=UTC)


def store(site: Site, *items: Record | WholeSet, seq: int = 1) -> None:
    with site.ctx.db.dedicated() as conn:
        stage = Stage(conn)
        stage.begin_file(0)
        for item in items:
            if isinstance(item, WholeSet):
                stage.whole_set(item.entity, item.of)
            else:
                stage.add(item)
        stage.flush()
        with conn.transaction():
            for name in ENTITIES:
                if name in stage.entities:
                    merge_entity(conn, name, tenant="default", source_seq=seq, whole_sets=name in stage.scopes)


def items(site: Site, query: str) -> list[dict[str, Any]]:
    response = site.get(f"/v1/{query}", site.key())
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["items"]
    return found


def test_a_contract_is_found_by_its_counterparty(site: Site) -> None:
    terms = {"name": "Договор 7", "deferral_days": 14, "credit_limit": Decimal("500000.00"), "valid_from": DAY}
    store(
        site,
        Record("contract", ("c1",), {"counterparty_id": "k1", "price_type_id": "opt", "currency": "RUB", **terms}),
        Record("contract", ("c2",), {"counterparty_id": "k2"}),
    )
    (found,) = items(site, "contracts?counterparty_id=k1")
    assert (found["id"], found["deferral_days"], found["credit_limit"]) == ("c1", 14, "500000.00")
    assert datetime.fromisoformat(found["valid_from"]) == DAY
    assert site.get("/v1/contracts/c2", site.key()).json()["counterparty_id"] == "k2"


def test_a_settlement_absent_from_the_whole_set_of_a_counterparty_is_gone(site: Site) -> None:
    sums = {"debt": Decimal("10.50"), "advance": Decimal(0), "as_of": DAY}
    store(
        site,
        Record("settlement", ("k1", "c1", "RUB"), dict(sums)),
        Record("settlement", ("k1", "c2", "RUB"), dict(sums)),
    )
    store(site, Record("settlement", ("k1", "c1", "RUB"), {"debt": Decimal(7)}), WholeSet("settlement", "k1"), seq=2)
    (found,) = items(site, "settlements?counterparty_id=k1")
    assert (found["contract_id"], found["debt"], found["advance"]) == ("c1", "7", "0")


@pytest.mark.parametrize("entity", ["invoice", "shipment", "payment", "return"])
def test_a_document_is_found_by_its_order_and_keeps_its_lines(site: Site, entity: str) -> None:
    declared = ENTITIES[entity]
    lines = [{"order_id": "o1", "amount": "3.00"}]
    store(
        site,
        Record(
            entity, ("d1",), {"number": "ТД-1", "date": DAY, "order_id": "o1", "amount": Decimal(3), "lines": lines}
        ),
        Record(entity, ("d2",), {"order_id": "o2"}),
    )
    (found,) = items(site, f"{declared.plural}?order_id=o1")
    assert (found["id"], found["number"], found["amount"], found["lines"]) == ("d1", "ТД-1", "3", lines)


def test_a_personal_price_is_found_by_counterparty_and_offer(site: Site) -> None:
    store(
        site,
        Record("personal_price", ("k1", "", "p#x", "RUB", Decimal(0)), {"value": Decimal("9.99")}),
        Record("personal_price", ("k2", "", "p#x", "RUB", Decimal(0)), {"value": Decimal("8.88")}),
    )
    (found,) = items(site, "personal_prices?offer_id=p%23x&counterparty_id=k1")
    assert found["value"] == "9.99"
