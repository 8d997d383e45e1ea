"""Pulls of entities whose sources add up: sums and lists of several rows, of whole reads, of changes and of parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from syncd.emulator.odata import OdataBase
from syncd.store import access
from syncd.sync.context import Context
from tests.sync.test_odata_pulls import GOODS, TENANT, Trade, ctx, node, opened, trade

__all__ = ["ctx", "trade"]

BARCODES = "InformationRegister_ШтрихкодыНоменклатуры"
RESERVES = "AccumulationRegister_Запасы"
DEBTS = "AccumulationRegister_РасчетыСПокупателями"
NO_VARIANT = "00000000-0000-0000-0000-000000000000"
BY_CHANGE = """
extends: unf
offers:
  - {name: products}
  - {name: characteristics, off: true}
  - name: barcodes
    from: Catalog_Номенклатура
    where: IsFolder eq false and ИспользоватьХарактеристики eq false
    when: Description != "Без кода"
    changed_by: ДатаИзменения
    fields: {id: Ref_Key, product_id: Ref_Key, variant_id: {value: ""}, barcodes: {from: Артикул, combine: list}}
"""

ORDERS = "Document_ЗаказПокупателя"
BY_ORDERS = """
settlements:
  from: Document_ЗаказПокупателя
  parameters: null
  changed_by: ДатаИзменения
  fields:
    contract_id: {value: ""}
    currency: {value: RUB}
    debt: {from: СуммаДокумента, combine: sum}
    advance: null
"""


@pytest.fixture
def small(ctx: Context, tmp_path: Path) -> Iterator[Trade]:
    """An emulated УНФ: its stocks and reserves stand in two registers."""
    with opened(ctx, tmp_path, "unf", 30) as made:
        yield made


def by_changes(small: Trade) -> None:
    plan = next(name for name in small.base.store.tables if name.startswith("ExchangePlan_"))
    small.publish(f"extends: unf\nexchange_plan: {plan}\n")
    small.set(f'{{"mapping": "mine", "node": "{small.base.nodes(plan)[0]}"}}')


def write(base: OdataBase, register: str, document: str, row: dict[str, Any], records: list[dict[str, Any]]) -> None:
    """A document's records instead of those it had, none too."""
    with base.store.transaction():
        base.store.put(register, base._writer.record_set(register, document, row, records))


def reserve(base: OdataBase, *numbers: int) -> tuple[str, str]:
    """Reserve for one order each, and nothing for those before; the key of the stock."""
    stock = dict(base.rows("AccumulationRegister_ЗапасыНаСкладах_RecordType")[0])
    for place, order in enumerate(base.rows("Document_ЗаказПокупателя")[:2]):
        record = {
            "RecordType": "Receipt", "Организация_Key": stock["Организация_Key"],
            "Номенклатура_Key": stock["Номенклатура_Key"], "Характеристика_Key": stock["Характеристика_Key"],
            "СтруктурнаяЕдиница": stock["СтруктурнаяЕдиница_Key"],
            "СтруктурнаяЕдиница_Type": "StandardODATA.Catalog_СтруктурныеЕдиницы",
            "ЗаказПокупателя_Key": order["Ref_Key"], "Количество": numbers[place] if numbers else 0, "Сумма": 1,
        }  # fmt: skip
        write(base, RESERVES, "Document_ЗаказПокупателя", dict(order), [record] if numbers else [])
    variant = stock["Характеристика_Key"]
    offer = str(stock["Номенклатура_Key"]) + ("" if variant == NO_VARIANT else f"#{variant}")
    return offer, str(stock["СтруктурнаяЕдиница_Key"])


def reserved(small: Trade, key: tuple[str, str]) -> Any:
    query = "SELECT reserved FROM stocks WHERE offer_id = %(o)s AND warehouse_id = %(w)s"
    return small.one(query, o=key[0], w=key[1])


def barcodes(trade: Trade, offer: str) -> list[str]:
    return sorted(trade.one("SELECT barcodes FROM offers WHERE id = %(i)s", i=offer) or [])


def take_away(trade: Trade, code: str) -> str:
    """Remove a barcode; the offer that had it here."""
    found: str = trade.one("SELECT id FROM offers WHERE barcodes = jsonb_build_array(%(b)s::text)", b=code)
    with trade.base.store.transaction():
        trade.base._writer.delete(trade.base.store.schema.sets[BARCODES], (code,))
    return found


def lone_barcode(trade: Trade) -> str:
    return str(trade.one("SELECT barcodes->>0 FROM offers WHERE jsonb_array_length(barcodes) = 1 ORDER BY id LIMIT 1"))


def test_changes_keep_all_barcodes_of_an_offer(trade: Trade) -> None:
    node(trade)
    kept, other = ({k: v for k, v in row.items() if "odata" not in k} for row in trade.base.rows(BARCODES)[:6:5])
    trade.base.create(BARCODES, {**kept, "Штрихкод": "0000000000017"})
    trade.pull()
    offer = trade.one("SELECT id FROM offers WHERE barcodes @> '[\"0000000000017\"]'")
    before = barcodes(trade, offer)
    assert len(before) > 1
    trade.pull("changes")
    trade.base.create(BARCODES, {**other, "Штрихкод": "0000000000024"})
    trade.pull("changes")
    assert barcodes(trade, offer) == before
    assert trade.one("SELECT count(*) FROM offers WHERE barcodes @> '[\"0000000000024\"]'") == 1


def test_changes_sum_the_reserves_of_several_orders(small: Trade) -> None:
    by_changes(small)
    key = reserve(small.base, 3, 2)
    small.pull("stocks")
    assert reserved(small, key) == 5
    reserve(small.base, 4, 2)
    small.pull("changes")
    assert reserved(small, key) == 6


def test_changes_of_one_register_end_a_reserve_and_keep_the_stock(small: Trade) -> None:
    by_changes(small)
    key = reserve(small.base, 3, 2)
    small.pull("stocks")
    query = "SELECT offer_id, warehouse_id, on_hand FROM stocks WHERE deleted_at IS NULL ORDER BY 1, 2"
    before = small.found(query)
    small.pull("changes")
    reserve(small.base)
    small.pull("changes")
    assert reserved(small, key) == 0
    assert small.found(query) == before


def test_changes_of_an_advance_keep_the_debt(small: Trade) -> None:
    by_changes(small)
    debt = next(row for row in small.base.rows(f"{DEBTS}_RecordType") if row["ТипРасчетов"] == "Долг")
    common = {name: debt[name] for name in ("Организация_Key", "Контрагент_Key", "Договор_Key", "Заказ_Key")}

    def state(document: str, ref: str, **record: Any) -> None:
        row = {"Ref_Key": f"6f5e9d2c-2b0a-11ee-9d3a-00155d0a1b{ref}", "Date": debt["Period"]}
        write(small.base, DEBTS, document, row, [common | record | {"СуммаВал": record["Сумма"]}])

    def advance(amount: int) -> None:
        state("Document_ПоступлениеНаСчет", "02", RecordType="Expense", ТипРасчетов="Аванс", Сумма=amount)

    state("Document_РасходнаяНакладная", "03", RecordType="Receipt", ТипРасчетов="Долг", Сумма=70000)
    advance(10)
    small.pull("settlements")
    query = "SELECT debt, advance FROM settlements WHERE counterparty_id = %(c)s"
    [before] = small.found(query, c=debt["Контрагент_Key"])
    advance(11)
    small.pull("changes")
    [after] = small.found(query, c=debt["Контрагент_Key"])
    assert before["debt"] == 70000
    assert (after["debt"], after["advance"]) == (before["debt"], before["advance"] + 1)


def test_a_reserve_that_ended_is_zero(small: Trade) -> None:
    key = reserve(small.base, 3, 2)
    small.pull("stocks")
    assert reserved(small, key) == 5
    reserve(small.base)
    result = small.pull("stocks")
    assert reserved(small, key) == 0
    assert (result.counters["stock"]["updated"], result.counters["stock"]["removed"]) == (1, 0)


def test_the_last_barcode_of_an_offer_goes(trade: Trade) -> None:
    trade.pull()
    offer = take_away(trade, lone_barcode(trade))
    result = trade.pull()
    assert barcodes(trade, offer) == []
    assert (result.counters["offer"]["updated"], result.counters["offer"]["removed"]) == (1, 0)


def test_a_hidden_view_takes_no_barcode_away(trade: Trade) -> None:
    trade.pull()
    trade.set('{"allowed_only": true}')
    code = lone_barcode(trade)
    offer = take_away(trade, code)
    trade.pull()
    assert barcodes(trade, offer) == [code]


def test_a_barcode_that_could_not_be_read_takes_none_away(trade: Trade) -> None:
    trade.pull()
    code = lone_barcode(trade)
    offer = take_away(trade, code)
    trade.publish(
        "extends: ut11\noffers:\n  - name: barcodes\n    fields:\n      name: {from: Штрихкод, values: {x: y}}\n"
    )
    trade.set('{"mapping": "mine"}')
    assert trade.pull().outcome == "partial"
    assert barcodes(trade, offer) == [code]


def test_a_read_of_what_changed_reads_all_that_adds_up(small: Trade) -> None:
    small.publish(BY_CHANGE)
    small.set('{"mapping": "mine"}')
    result = small.pull()
    assert result.outcome == "ok", small.found("SELECT code, path, params FROM journal")
    code = lone_barcode(small)
    offer = small.one("SELECT id FROM offers WHERE barcodes = jsonb_build_array(%(b)s::text)", b=code)
    newest = max(str(row["ДатаИзменения"]) for row in small.goods())
    small.base.change(GOODS, offer, {"Description": "Без кода", "ДатаИзменения": newest})
    small.pull()
    assert small.one("SELECT name FROM offers WHERE id = %(i)s", i=offer) == "Без кода"
    assert barcodes(small, offer) == [], "all of the barcodes were read"


def orders_add_up(small: Trade, extends: str = "extends: unf") -> dict[str, Any]:
    """Debts are the sums of orders; what they are now."""
    small.publish(f"{extends}\n{BY_ORDERS}")
    rows = small.base.rows(ORDERS)
    sums: dict[str, Any] = {}
    for row in rows:
        sums[str(row["Контрагент_Key"])] = sums.get(str(row["Контрагент_Key"]), 0) + Decimal(str(row["СуммаДокумента"]))
    return sums


def debts(small: Trade) -> dict[str, Any]:
    found = small.found("SELECT counterparty_id, debt FROM settlements WHERE deleted_at IS NULL")
    return {row["counterparty_id"]: row["debt"] for row in found}


def change_an_order(small: Trade) -> None:
    """Another customer's from now on, who has orders of his own."""
    rows = small.base.rows(ORDERS)
    (many, _), (other, _) = Counter(row["Контрагент_Key"] for row in rows).most_common(2)
    row = next(row for row in rows if row["Контрагент_Key"] == many)
    changed = {"Контрагент_Key": other, "ДатаИзменения": "2036-01-01T00:00:00"}
    small.base.change(ORDERS, str(row["Ref_Key"]), changed)


def test_a_sum_whose_one_part_changed_is_no_partial_sum(small: Trade) -> None:
    before = orders_add_up(small)
    small.set('{"mapping": "mine"}')
    assert small.pull("settlements").outcome == "ok", small.found("SELECT code, path, params FROM journal")
    assert debts(small) == before
    change_an_order(small)
    small.pull("settlements")
    assert debts(small) == orders_add_up(small) != before


def test_changes_of_one_object_keep_the_sum_of_all(small: Trade) -> None:
    by_changes(small)
    plan = next(name for name in small.base.store.tables if name.startswith("ExchangePlan_"))
    before = orders_add_up(small, f"extends: unf\nexchange_plan: {plan}")
    small.pull("settlements")
    small.pull("changes")
    assert debts(small) == before
    change_an_order(small)
    small.pull("changes")
    assert debts(small) == orders_add_up(small) != before


def test_changes_say_that_the_last_barcode_is_gone(trade: Trade) -> None:
    node(trade)
    trade.pull()
    trade.pull("changes")
    before = trade.found("SELECT id, barcodes FROM offers ORDER BY id")
    offer = take_away(trade, lone_barcode(trade))
    result = trade.pull("changes")
    assert result.outcome == "ok", trade.found("SELECT code, params FROM journal")
    assert barcodes(trade, offer) == []
    assert (result.counters["offer"]["updated"], result.counters["offer"]["removed"]) == (1, 0)
    after = trade.found("SELECT id, barcodes FROM offers ORDER BY id")
    assert [row for row in after if row["id"] != offer] == [row for row in before if row["id"] != offer]


def test_changes_of_a_hidden_view_take_no_barcode_away(trade: Trade) -> None:
    node(trade)
    trade.pull()
    trade.pull("changes")
    trade.set('{"allowed_only": true}')
    code = lone_barcode(trade)
    offer = take_away(trade, code)
    trade.pull("changes")
    assert barcodes(trade, offer) == [code]


def test_changes_of_one_of_two_bases_take_no_barcode_of_the_other_away(trade: Trade) -> None:
    node(trade)
    trade.pull()
    trade.pull("changes")
    with trade.ctx.db.transaction() as conn:
        access.add_infobase(conn, TENANT, "other", "1d", "x", dialect="auto", zone="Europe/Moscow")
    code = lone_barcode(trade)
    offer = take_away(trade, code)
    trade.pull("changes")
    assert barcodes(trade, offer) == [code]


def test_changes_do_not_take_most_barcodes_away_unasked(trade: Trade, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(trade.ctx.settings.imports.__dict__, "removal_limit_records", 3)
    node(trade)
    trade.pull()
    trade.pull("changes")
    before = trade.found("SELECT id, barcodes FROM offers ORDER BY id")
    for row in trade.base.rows(BARCODES)[1:]:
        with trade.base.store.transaction():
            trade.base._writer.delete(trade.base.store.schema.sets[BARCODES], (str(row["Штрихкод"]),))
    assert trade.pull("changes").outcome == "partial"
    assert trade.found("SELECT id, barcodes FROM offers ORDER BY id") == before
    assert trade.one("SELECT params->>'entity' FROM journal WHERE code = 'E967'") == "offer.barcodes"
