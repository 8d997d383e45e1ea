"""Orders by the mapping language: presets as they are shipped, against emulated bases."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from syncd.adapters.odata import describe, rules
from syncd.adapters.odata.endpoint import MAX_URL, configured
from syncd.adapters.odata.locks import unlocked
from syncd.adapters.odata.target import OrdersTarget, open_orders
from syncd.emulator.odata import Fault, OdataBase
from syncd.errors import ConfigError, MappingError, Refused, TransportError
from syncd.mappings.write import CompiledWrite, compile_write
from syncd.store.endpoints import Endpoint as Stored
from tests.adapters.odata.trade import connected, delivery, engine, order
from tests.mappings.test_check import mapping

MOSCOW = ZoneInfo("Europe/Moscow")
MADE = """
extends: {preset}
orders:
  write:
    references:
      counterparty:
        in: Catalog_Контрагенты
        by: {{ИНН: customer.inn}}
        make: {{Description: customer.name, ИНН: customer.inn}}
        needed: true
"""


def compiled(preset: str, text: str = MADE) -> CompiledWrite:
    found = mapping(text.format(preset=preset))
    assert found.problems == []
    write = compile_write(found, MOSCOW)
    assert write is not None
    return write


def target(base: OdataBase, preset: str, **settings: Any) -> OrdersTarget:
    client = connected(base)
    known = describe.metadata(client)
    made = rules.order_mapping(compiled(preset), MOSCOW)
    return OrdersTarget(client, made, metadata=lambda: known, **settings)


def documents(base: OdataBase, write: CompiledWrite, marker: str) -> list[dict[str, Any]]:
    """Those that bear the mark, which УНФ cuts to thirty characters."""
    rows = [dict(row) for row in base.rows(write.set_name) if row[write.marker] and not row["DeletionMark"]]
    return [row for row in rows if marker.startswith(str(row[write.marker]))]


@pytest.mark.parametrize("preset", ["ut11", "unf"])
def test_an_order_by_a_shipped_preset_becomes_one_posted_document(preset: str) -> None:
    with OdataBase(preset, seed=1, size=12).running() as base:
        write, to = compiled(preset), target(base, preset)
        message = delivery(order(base))
        receipt = engine(to, message)
        assert to.deliver(message).ref == receipt.ref
        [document] = documents(base, write, message.marker)
        assert (receipt.ref, receipt.posted) == (document["Ref_Key"], document["Posted"])
        customer = base.get("Catalog_Контрагенты", str(document["Контрагент_Key"]))
        assert customer is not None
        assert customer["ИНН"] == "7707083893"


@pytest.mark.parametrize("fault", [Fault.DROP_AFTER_COMMIT, Fault.TIMEOUT_AFTER_COMMIT, Fault.CUT, Fault.POOL])
@pytest.mark.parametrize("preset", ["ut11", "unf"])
def test_a_shipped_preset_makes_one_document_whatever_strikes(preset: str, fault: Fault) -> None:
    with OdataBase(preset, seed=1, size=12).running() as base:
        write, to = compiled(preset), target(base, preset)
        for step in range(14):
            message = delivery(order(base, step, customer={"name": f"К{step}", "inn": f"77{step:08d}", "kpp": "1"}))
            base.fail_next(fault, after=step)
            engine(to, message)
            assert len(documents(base, write, message.marker)) == 1
            made = [row for row in base.rows("Catalog_Контрагенты") if row["ИНН"] == f"77{step:08d}"]
            assert len(made) == 1


def test_a_reference_that_1c_does_not_have_is_found_before_it_is_written() -> None:
    with OdataBase("ut11", seed=1, size=12).running() as base:
        body = order(base)
        body["lines"][0]["offer_id"] = f"{body['lines'][0]['offer_id']}#{UUID(int=5)}"
        with pytest.raises(Refused, match="Catalog_ХарактеристикиНоменклатуры") as refused:
            target(base, "ut11").deliver(delivery(body))
        assert refused.value.code == "E839"


def test_what_was_seen_in_1c_is_not_asked_for_again() -> None:
    with OdataBase("ut11", seed=1, size=12).running() as base:
        to = target(base, "ut11")
        to.deliver(delivery(order(base, 1)))
        before = len([each for each in base.requests if each.path.startswith("Catalog_Номенклатура")])
        to.deliver(delivery(order(base, 2)))
        assert len([each for each in base.requests if each.path.startswith("Catalog_Номенклатура")]) == before


def test_references_of_a_body_are_known_by_their_sets() -> None:
    with OdataBase("ut11", seed=1, size=12).running() as base:
        known = describe.metadata(connected(base))
        one, two, empty = str(UUID(int=1)), UUID(int=2), str(UUID(int=0))
        body = {
            "Контрагент_Key": one, "Склад_Key": empty, "НетТакого_Key": one, "Комментарий": one,
            "Товары": [{"Номенклатура_Key": two, "Характеристика_Key": empty}, {"Номенклатура_Key": one}],
        }  # fmt: skip
        assert rules.referred(known, "Document_ЗаказКлиента", body) == {
            "Catalog_Контрагенты": {one},
            "Catalog_Номенклатура": {one, str(two)},
        }
        assert rules.referred(known, "Document_НетТакого", body) == {}


def test_a_delivery_that_prepared_for_too_long_makes_nothing() -> None:
    with OdataBase("ut11", seed=1, size=12).running() as base:
        message = delivery(order(base))
        with pytest.raises(TransportError, match="E802"):
            target(base, "ut11", patience=0.0).deliver(message)
        assert documents(base, compiled("ut11"), message.marker) == []


def test_a_condition_that_is_none_is_the_1c_developers() -> None:
    assert rules._value("ИНН", "1") == "1"
    assert rules._value("Владелец_Key", str(UUID(int=1))) == UUID(int=1)
    with pytest.raises(MappingError, match="E842"):
        rules._value("ИНН", 1.5)


def test_a_stored_endpoint_is_opened_with_its_settings() -> None:
    settings = {"login": "Обмен", "session": "manual", "format": "json", "allowed_only": True}
    made = configured("https://host/base", settings, "тайна", zone="Asia/Omsk", concurrency=3, seconds=90)
    assert (made.login, made.session, made.format, made.allowed_only) == ("Обмен", "manual", "json", True)
    assert (made.timeouts.read, made.timeouts.write, made.concurrency, made.max_url) == (90, 90, 3, MAX_URL)
    assert made.timeouts.table > 90
    for wrong in ({"session": "x"}, {"format": "csv"}):
        with pytest.raises(ConfigError, match="E838"):
            configured("https://host/base", wrong, None, zone="Asia/Omsk", concurrency=1, seconds=60)


def test_a_stored_endpoint_delivers_by_its_mapping() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    with OdataBase("ut11", seed=1, size=12).running() as base:
        stored = Stored(
            tenant="t", id=UUID(int=1), name="1c", kind="odata", infobase_id=None, infobase=None, zone="Europe/Moscow",
            address=base.url, settings={"login": base.user}, takes=("order",), concurrency=2, rate_per_second=None,
            timeout_seconds=60, paused=False, paused_at=None, paused_until=None, pause_reason=None, paused_by=None,
            closed=False, closed_until=None, closed_code=None, failures=0, recovered_at=None, disabled_at=None,
            created_at=now, updated_at=now,
        )  # fmt: skip
        known = describe.metadata(connected(base))
        to = open_orders(stored, base.password, compiled("ut11"), metadata=lambda: known, lock=unlocked)
        assert to.deliver(delivery(order(base))).posted is True
        to.close()
