"""The configuration's own code in УТ 11.4, as far as an exchange notices it: totals, line codes, movements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from syncd.emulator.odata.model import EMPTY_REF, EntitySet, Row, Wire
from syncd.emulator.odata.refusals import handler_failed
from syncd.emulator.odata.rows import amount, neat, sections
from syncd.emulator.odata.seeds import reference
from syncd.emulator.odata.store import Store
from syncd.emulator.odata.writing import Movements

_STOCK: Final = "AccumulationRegister_ТоварыНаСкладах"
_FREE: Final = "AccumulationRegister_СвободныеОстатки"
_DEBTS: Final = "AccumulationRegister_РасчетыСКлиентами"
_DEBTS_BY_DOCUMENT: Final = "AccumulationRegister_РасчетыСКлиентамиПоДокументам"
_ORDERS: Final = "AccumulationRegister_ЗаказыКлиентов"
_STATES: Final = "InformationRegister_СостоянияЗаказовКлиентов"
_ORDER: Final = "Document_ЗаказКлиента"
_STATE_OF: Final = {
    "НеСогласован": "ОжидаетсяСогласование", "КОбеспечению": "ГотовКОбеспечению", "КОтгрузке": "ГотовКОтгрузке",
    "Закрыт": "Закрыт",
}  # fmt: skip
_RESERVED: Final = ("КОбеспечению", "КОтгрузке")


class TradeRules:
    """What УТ does when its documents are written and posted."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._posting: dict[str, Callable[[Row], Movements]] = {
            _ORDER: self._order,
            "Document_РеализацияТоваровУслуг": self._shipment,
            "Document_ВозвратТоваровОтКлиента": self._return,
            "Document_ПоступлениеБезналичныхДенежныхСредств": self._payment,
            "Document_ПриходныйКассовыйОрдер": self._payment,
            "Document_УстановкаЦенНоменклатуры": self._prices,
            "Document_ПриобретениеТоваровУслуг": self._purchase,
        }

    def before_write(self, entity_set: EntitySet, row: Row, *, new: bool) -> None:
        """A bare group of goods is refused, as measured on a live base; an order counts its own total."""
        if new and entity_set.name == "Catalog_Номенклатура" and row["IsFolder"]:
            raise handler_failed(
                "ПриЗаписи",
                "{ОбщийМодуль.ОбщегоНазначения.Модуль(180)}: Неверный первый параметр Ссылка в функции "
                "ОбщегоНазначения.ЗначенияРеквизитовОбъекта",
            )
        if entity_set.name != _ORDER:
            return
        lines = [dict(line) for line in sections(row, "Товары")]
        highest = max([int(amount(row["МаксимальныйКодСтроки"])), *(int(amount(line["КодСтроки"])) for line in lines)])
        for line in lines:
            if not amount(line["КодСтроки"]):
                highest += 1
                line["КодСтроки"] = str(highest)
        row["Товары"] = list(lines)
        row["МаксимальныйКодСтроки"] = str(highest)
        if lines:
            total = sum(amount(line["СуммаСНДС"]) for line in lines if not line["Отменено"])
            row["СуммаДокумента"] = neat(total)

    def movements(self, entity_set: EntitySet, row: Row) -> Movements:
        """The records a document makes when it is posted."""
        posting = self._posting.get(entity_set.name)
        return posting(row) if posting else {}

    # -- documents

    def _order(self, row: Row) -> Movements:
        order = reference("ЗаказКлиента", str(row["Ref_Key"]), _ORDER)
        lines = [line for line in sections(row, "Товары") if not line["Отменено"]]
        ordered: list[Row] = [
            {
                **_receipt(line, row), **order, "КодСтроки": line["КодСтроки"], "Сумма": line["СуммаСНДС"],
                "Заказано": line["Количество"], "КОформлению": line["Количество"],
            }
            for line in lines
        ]  # fmt: skip
        found: Movements = {_ORDERS: ordered}
        if row["Статус"] in _RESERVED:
            found[_FREE] = [{**_receipt(line, row), "ВРезервеПодЗаказ": line["Количество"]} for line in lines]
        if row["Статус"] != "НеСогласован":
            found[_DEBTS] = [self._debt(row, order, "Receipt", КОплате=row["СуммаДокумента"])]
        state: Row = {
            **self._store.schema.sets[_STATES].type.blank(), **reference("Заказ", str(row["Ref_Key"]), _ORDER),
            "Состояние": _STATE_OF.get(str(row["Статус"]), ""), "ДатаСобытия": row["Date"],
            "Состояние_Type": "StandardODATA.СостоянияЗаказовКлиентов", "СуммаДолга": row["СуммаДокумента"],
        }  # fmt: skip
        return {**found, _STATES: [state]}

    def _shipment(self, row: Row) -> Movements:
        order = _order_of(row)
        known = order["ЗаказКлиента"] != EMPTY_REF
        lines = sections(row, "Товары")
        stock: list[Row] = [{**_expense(line, row), "ВНаличии": line["Количество"]} for line in lines]
        reserve = self._reserved(order)
        free: list[Row] = [
            {**line, "ВРезервеПодЗаказ": line["ВНаличии"] if reserve else 0} for line in stock
        ]  # fmt: skip
        rest: list[Row] = [
            {**_expense(line, row), **order, "КодСтроки": line["КодСтроки"], "КОформлению": line["Количество"]}
            for line in lines
        ]
        total = row["СуммаДокумента"]
        document = reference("РасчетныйДокумент", str(row["Ref_Key"]), "Document_РеализацияТоваровУслуг")
        by_document = {**self._debt(row, order, "Receipt"), **document, "Долг": total, "ДолгУпр": total}
        return {
            _STOCK: stock, _FREE: free, _DEBTS: [self._debt(row, order, "Receipt", Сумма=total)],
            _DEBTS_BY_DOCUMENT: [by_document], **({_ORDERS: rest} if known else {}),
        }  # fmt: skip

    def _reserved(self, order: Row) -> bool:
        row = self._store.tables[_ORDER].get((str(order["ЗаказКлиента"]),))
        return bool(row and row["Posted"] and row["Статус"] in _RESERVED)

    def _return(self, row: Row) -> Movements:
        lines: list[Row] = [
            {**_receipt(line, row), "ВНаличии": line["Количество"]} for line in sections(row, "Товары")
        ]  # fmt: skip
        order = reference("ЗаказКлиента", EMPTY_REF, _ORDER)
        return {
            _STOCK: lines, _FREE: [dict(line) for line in lines],
            _DEBTS: [self._debt(row, order, "Expense", Сумма=row["СуммаДокумента"])],
        }  # fmt: skip

    def _payment(self, row: Row) -> Movements:
        found: list[Row] = []
        for line in sections(row, "РасшифровкаПлатежа"):
            order = reference("ЗаказКлиента", str(line["Заказ"]) or EMPTY_REF, _ORDER)
            head: Row = {**row, "Партнер_Key": line["Партнер_Key"], "Договор_Key": EMPTY_REF}
            found.append(self._debt(head, order, "Expense", Сумма=line["Сумма"], КОплате=line["Сумма"]))
        return {_DEBTS: found}

    def _prices(self, row: Row) -> Movements:
        currency = {"Валюта_Key": self._currency(row)}
        names = ("Номенклатура_Key", "Характеристика_Key", "ВидЦены_Key", "Цена", "Упаковка_Key")
        lines: list[Row] = [
            {**{name: line[name] for name in names}, **currency} for line in sections(row, "Товары")
        ]  # fmt: skip
        return {"InformationRegister_ЦеныНоменклатуры": lines}

    def _purchase(self, row: Row) -> Movements:
        lines: list[Row] = [
            {**_receipt(line, row), "ВНаличии": line["Количество"]} for line in sections(row, "Товары")
        ]  # fmt: skip
        return {_STOCK: lines, _FREE: [dict(line) for line in lines]}

    # -- parts

    def _currency(self, row: Row) -> Wire:
        constant = next(self._store.tables["Constant_ВалютаУправленческогоУчета"].rows(), {})
        return row.get("Валюта_Key") or constant.get("Value_Key") or EMPTY_REF

    def _debt(self, row: Row, order: Row, side: str, **sums: Wire) -> Row:
        return {
            "RecordType": side, "АналитикаУчетаПоПартнерам_Key": self._analytics(row), **order,
            "Валюта_Key": row["Валюта_Key"], **sums,
        }  # fmt: skip

    def _analytics(self, row: Row) -> Wire:
        """The key of analytics of this customer."""
        table = self._store.tables["Catalog_КлючиАналитикиУчетаПоПартнерам"]
        wanted = {"Партнер_Key": frozenset((str(row["Партнер_Key"]),))}
        return next(
            (key["Ref_Key"] for key in table.rows(wanted) if key["Партнер_Key"] == row["Партнер_Key"]), EMPTY_REF
        )


def _order_of(row: Row) -> Row:
    return {"ЗаказКлиента": row["ЗаказКлиента"], "ЗаказКлиента_Type": row["ЗаказКлиента_Type"]}


def _place(line: Row, row: Row) -> Row:
    warehouse = line.get("Склад_Key")
    return {
        "Номенклатура_Key": line["Номенклатура_Key"], "Характеристика_Key": line["Характеристика_Key"],
        "Склад_Key": warehouse if warehouse and warehouse != EMPTY_REF else row["Склад_Key"],
    }  # fmt: skip


def _receipt(line: Row, row: Row) -> Row:
    return {"RecordType": "Receipt", **_place(line, row)}


def _expense(line: Row, row: Row) -> Row:
    return {"RecordType": "Expense", **_place(line, row)}
