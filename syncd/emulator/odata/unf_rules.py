"""The configuration's own code in УНФ 1.6, as far as an exchange notices it: totals and movements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from syncd.emulator.odata.model import EMPTY_REF, EntitySet, Row, Wire
from syncd.emulator.odata.rows import amount, neat, sections
from syncd.emulator.odata.store import Store
from syncd.emulator.odata.writing import Movements

_STOCK: Final = "AccumulationRegister_ЗапасыНаСкладах"
_COST: Final = "AccumulationRegister_Запасы"
_DEBTS: Final = "AccumulationRegister_РасчетыСПокупателями"
_ORDERS: Final = "AccumulationRegister_ЗаказыПокупателей"
_ORDER: Final = "Document_ЗаказПокупателя"


class SmallFirmRules:
    """What УНФ does when its documents are written and posted."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._posting: dict[str, Callable[[Row], Movements]] = {
            _ORDER: self._order,
            "Document_РасходнаяНакладная": self._shipment,
            "Document_ПриходнаяНакладная": self._receipt,
            "Document_ПоступлениеНаСчет": self._payment,
            "Document_ПоступлениеВКассу": self._payment,
        }

    def before_write(self, entity_set: EntitySet, row: Row, *, new: bool) -> None:
        """An order counts its own total."""
        del new
        lines = sections(row, "Запасы")
        if entity_set.name == _ORDER and lines:
            row["СуммаДокумента"] = neat(sum(amount(line["Всего"]) for line in lines))

    def movements(self, entity_set: EntitySet, row: Row) -> Movements:
        """The records a document makes when it is posted."""
        posting = self._posting.get(entity_set.name)
        return posting(row) if posting else {}

    # -- documents

    def _order(self, row: Row) -> Movements:
        lines: list[Row] = [
            {**_line(row, line, "Receipt"), "ЗаказПокупателя_Key": row["Ref_Key"], "Количество": line["Количество"]}
            for line in sections(row, "Запасы")
        ]
        return {_ORDERS: lines}

    def _shipment(self, row: Row) -> Movements:
        """Takes goods off the shelf and makes a debt; the order it fulfils is that much shorter."""
        stock, order = self._stock(row, "Expense"), row["Заказ"] or EMPTY_REF
        rest: list[Row] = [
            {**_line(row, line, "Expense"), "ЗаказПокупателя_Key": order, "Количество": line["Количество"]}
            for line in sections(row, "Запасы")
        ]
        debt = self._debt(row, "Receipt", "Долг", order, row["СуммаДокумента"])
        return {**stock, _DEBTS: [debt], **({_ORDERS: rest} if order != EMPTY_REF else {})}

    def _receipt(self, row: Row) -> Movements:
        """Goods bought, or brought back by a customer: then the debt is less too."""
        found = self._stock(row, "Receipt")
        if row["ВидОперации"] == "ВозвратОтПокупателя":
            found[_DEBTS] = [self._debt(row, "Expense", "Долг", EMPTY_REF, row["СуммаДокумента"])]
        return found

    def _payment(self, row: Row) -> Movements:
        """Each line pays a debt, or is an advance."""
        found: list[Row] = []
        for line in sections(row, "РасшифровкаПлатежа"):
            head: Row = {**row, "Договор_Key": line["Договор_Key"]}
            kind = "Аванс" if line["ПризнакАванса"] else "Долг"
            found.append(self._debt(head, "Expense", kind, line["Заказ"] or EMPTY_REF, line["СуммаПлатежа"]))
        return {_DEBTS: found}

    # -- parts

    @staticmethod
    def _stock(row: Row, side: str) -> Movements:
        place: Row = {"СтруктурнаяЕдиница_Key": row["СтруктурнаяЕдиница_Key"]}
        cost_place: Row = {
            "СтруктурнаяЕдиница": row["СтруктурнаяЕдиница_Key"],
            "СтруктурнаяЕдиница_Type": "StandardODATA.Catalog_СтруктурныеЕдиницы",
        }
        stock: list[Row] = []
        cost: list[Row] = []
        for line in sections(row, "Запасы"):
            record = {**_line(row, line, side), "Количество": line["Количество"]}
            stock.append({**record, **place})
            cost.append({**record, **cost_place, "Сумма": line["Всего"]})
        return {_STOCK: stock, _COST: cost}

    @staticmethod
    def _debt(row: Row, side: str, kind: str, order: Wire, total: Wire) -> Row:
        return {
            "RecordType": side, "Организация_Key": row["Организация_Key"], "ТипРасчетов": kind,
            "Контрагент_Key": row["Контрагент_Key"], "Договор_Key": row["Договор_Key"], "Заказ_Key": order,
            "Сумма": total, "СуммаВал": total,
        }  # fmt: skip


def _line(row: Row, line: Row, side: str) -> Row:
    return {
        "RecordType": side, "Организация_Key": row["Организация_Key"], "Номенклатура_Key": line["Номенклатура_Key"],
        "Характеристика_Key": line["Характеристика_Key"],
    }  # fmt: skip
