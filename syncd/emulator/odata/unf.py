"""A base of «Управление нашей фирмой» 1.6: the sets and names of that configuration, with a small company's data."""

from __future__ import annotations

from typing import Final

from syncd.emulator.odata.company import OPENED, PRICES, STORES, Company
from syncd.emulator.odata.declare import declared
from syncd.emulator.odata.model import EMPTY_REF, Row, Wire
from syncd.emulator.odata.preset import Preset
from syncd.emulator.odata.seeds import RecordSeeds, reference
from syncd.emulator.odata.shape import GOODS, Lookup, Make, Shape
from syncd.emulator.odata.store import Key, Store
from syncd.emulator.odata.unf_rules import SmallFirmRules
from syncd.emulator.words import UNITS

_PREFIX: Final = "НФ00-"
_PURCHASE: Final = "Document_ПриходнаяНакладная"
_ORDER: Final = "Document_ЗаказПокупателя"
_INVOICE: Final = "Document_СчетНаОплату"
_SHIPMENT: Final = "Document_РасходнаяНакладная"
_PAYMENT: Final = "Document_ПоступлениеНаСчет"
_UNITS: Final = "Catalog_КлассификаторЕдиницИзмерения"
_STATES: Final = ("Открыт", "В работе", "Завершён")
_PLAN: Final = "ExchangePlan_ОбменУправлениеНебольшойФирмойСайт"
_PRICE_KEY: Final = ("Period", "ВидЦен_Key", "Номенклатура_Key", "Характеристика_Key")


def _counts(company: Company) -> dict[str, int]:
    return {
        "Catalog_Валюты": 2, "Catalog_Организации": 1, "Catalog_Пользователи": 3, "Catalog_СтавкиНДС": 2,
        _UNITS: len(UNITS), "Catalog_КатегорииНоменклатуры": 1, "Catalog_ВидыЦен": len(PRICES),
        "Catalog_СтруктурныеЕдиницы": len(STORES), "Catalog_Контрагенты": company.customers,
        "Catalog_ДоговорыКонтрагентов": company.customers, "Catalog_СостоянияЗаказовПокупателей": len(_STATES),
        _PURCHASE: company.shares * len(STORES), _ORDER: company.orders, _INVOICE: company.orders,
        _SHIPMENT: company.orders // 2, _PAYMENT: company.orders // 3, _PLAN: 2,
    }  # fmt: skip


class SmallFirmData(Shape):
    """The company's data in the shape of УНФ 1.6."""

    def __init__(self, store: Store, seed: int, size: int) -> None:
        company = Company(seed, size)
        super().__init__(store, company, _counts(company), _PREFIX)

    def fill(self) -> list[tuple[str, str]]:
        """Seed every table; returns the documents posted from the start."""
        makers: dict[str, Make] = {
            "Catalog_Валюты": self._currency, "Catalog_Организации": self._firm,
            "Catalog_Пользователи": lambda i: {"Description": ("Администратор", "Менеджер", "Обмен с сайтом")[i]},
            "Catalog_СтавкиНДС": lambda i: {"Description": ("20%", "Без НДС")[i], "Ставка": 0 if i else 20},
            _UNITS: self._unit, "Catalog_КатегорииНоменклатуры": lambda _i: {"Description": "Товары"},
            "Catalog_ВидыЦен": self._price_type, "Catalog_СтруктурныеЕдиницы": self._store_row,
            "Catalog_Контрагенты": self._counterparty, "Catalog_ДоговорыКонтрагентов": self._contract,
            "Catalog_СостоянияЗаказовПокупателей": lambda i: {"Description": _STATES[i]}, _PURCHASE: self._purchase,
            _ORDER: self._order, _INVOICE: self._invoice, _SHIPMENT: self._shipment, _PAYMENT: self._payment,
            _PLAN: self._node,
        }  # fmt: skip
        for name, maker in makers.items():
            self.objects(name, maker)
        self.goods(self._good, self._variant)
        self.barcodes({"Партия_Key": EMPTY_REF, "ЕдиницаИзмерения_Key": EMPTY_REF})
        self._prices()
        self.stock_sets("AccumulationRegister_ЗапасыНаСкладах", _PURCHASE, self._stock)
        self.stock_sets("AccumulationRegister_Запасы", _PURCHASE, self._cost)
        for name in ("Constant_ВалютаУчета", "Constant_НациональнаяВалюта"):
            self.store.put(name, {"SurrogateKey": 0, "Value_Key": self.ref("Валюты", 0)})
        self.store.put("Constant_ФункциональнаяУчетВалютныхОпераций", {"SurrogateKey": 0, "Value": False})
        posted = (_ORDER, _SHIPMENT, _PAYMENT)
        return [(name, self.refs[name][index]) for name in posted for index in range(self.refs[name].count)]

    # -- records

    def _prices(self) -> None:
        """An independent register here: one record per offer and kind of price."""
        name = "InformationRegister_ЦеныНоменклатуры"
        blank = self.store.schema.sets[name].type.blank()
        kinds = self.refs["Catalog_ВидыЦен"]

        def make(index: int) -> Row:
            offer, kind = divmod(index, len(PRICES))
            return {
                **blank, "Period": OPENED, "ВидЦен_Key": kinds[kind], **self.offer(offer),
                "Цена": self.company.price(offer, kind), "Актуальность": True, **self._unit_of_line(),
            }  # fmt: skip

        def number(key: Key) -> int | None:
            kind, offer = kinds.find(key[1]), self.offer_of(key[2], key[3])
            return None if kind is None or offer is None else offer * len(PRICES) + kind

        def of_good(ref: str) -> list[int]:
            return [offer * len(PRICES) + kind for offer in self.offers_of_good(ref) for kind in range(len(PRICES))]

        by: dict[str, Lookup] = {"Номенклатура_Key": of_good}
        self.store.seed(name, RecordSeeds(self.company.offers * len(PRICES), make, number, _PRICE_KEY, by))

    def _stock(self, offer: int, place: int, stock: int) -> Row:
        return {
            **self._moved(offer, stock), "СтруктурнаяЕдиница_Key": self.ref("СтруктурныеЕдиницы", place),
        }  # fmt: skip

    def _cost(self, offer: int, place: int, stock: int) -> Row:
        where = reference(
            "СтруктурнаяЕдиница", self.ref("СтруктурныеЕдиницы", place), "Catalog_СтруктурныеЕдиницы"
        )  # fmt: skip
        return {**self._moved(offer, stock), **where, "Сумма": self._cost_of(offer, stock)}

    def _moved(self, offer: int, stock: int) -> Row:
        return {
            "Period": OPENED, "RecordType": "Receipt", "Организация_Key": self.ref("Организации", 0),
            **self.offer(offer), "Количество": stock,
        }  # fmt: skip

    def _cost_of(self, offer: int, stock: int) -> float:
        return round(self.company.price(offer, 2) * stock * 0.7, 2)

    # -- catalogues

    def _currency(self, index: int) -> Row:
        code, name, full = (("643", "руб.", "Российский рубль"), ("840", "USD", "Доллар США"))[index]
        return {"Code": code, "Description": name, "НаименованиеПолное": full}

    def _firm(self, index: int) -> Row:
        del index
        name = "ООО «Наша фирма»"
        return {
            "Description": name, "НаименованиеПолное": name, "ИНН": "7743013902", "Префикс": "НФ",
            "ЮридическоеФизическоеЛицо": "ЮридическоеЛицо",
        }  # fmt: skip

    def _unit(self, index: int) -> Row:
        code, name, full, international = UNITS[index]
        return {
            "Code": code, "Description": name, "НаименованиеПолное": full, "МеждународноеСокращение": international,
        }  # fmt: skip

    def _good(self, item: int) -> Row:
        name = self.company.name(item)
        return {
            "Description": name[:100], "НаименованиеПолное": name, "Артикул": self.company.sku(item),
            "ТипНоменклатуры": "Запас", "ДатаИзменения": OPENED, "СтавкаНДС_Key": self.ref("СтавкиНДС", 0),
            "ЕдиницаИзмерения_Key": self.refs[_UNITS][0], "МетодОценки": "ПоСредней",
            "КатегорияНоменклатуры_Key": self.ref("КатегорииНоменклатуры", 0), "СпособПополнения": "Закупка",
            "ИспользоватьХарактеристики": self.company.has_variants(item),
        }  # fmt: skip

    def _variant(self, variant: int) -> Row:
        name = self.company.variant_name(variant)
        owner = self.good(self.company.item_of_variant(variant))
        return {"Description": name, "НаименованиеДляПечати": name, **reference("Owner", owner, GOODS)}

    def _price_type(self, index: int) -> Row:
        return {
            "Description": PRICES[index][0], "ВалютаЦены_Key": self.ref("Валюты", 0), "ЦенаВключаетНДС": True,
            "ТипВидаЦен": "Статический", "ЦеныАктуальны": True, "ПорядокОкругления": "Окр0_01",
        }  # fmt: skip

    def _store_row(self, index: int) -> Row:
        kind = "Розница" if index == 1 else "Склад"
        firm = self.ref("Организации", 0)
        return {"Description": STORES[index][0], "ТипСтруктурнойЕдиницы": kind, "Организация_Key": firm}

    def _counterparty(self, index: int) -> Row:
        name, person = self.company.customer_name(index), self.company.is_person(index)
        return {
            "Description": name, "НаименованиеПолное": name, "ИНН": self.company.tax_number(index), "Покупатель": True,
            "ВидКонтрагента": "ИндивидуальныйПредприниматель" if person else "ЮридическоеЛицо",
            "ДатаСоздания": "2025-11-01T00:00:00", "ВестиРасчетыПоДоговорам": True, "IsFolder": False,
            "ДоговорПоУмолчанию_Key": self.ref("ДоговорыКонтрагентов", index),
        }  # fmt: skip

    def _contract(self, index: int) -> Row:
        return {
            "Description": f"Договор № {index + 1}", "Owner_Key": self.ref("Контрагенты", index),
            "ВидДоговора": "СПокупателем", "ВалютаРасчетов_Key": self.ref("Валюты", 0),
            "ВидЦен_Key": self.ref("ВидыЦен", index % len(PRICES)), "Организация_Key": self.ref("Организации", 0),
            "НомерДоговора": str(index + 1), "ДатаДоговора": "2025-11-01T00:00:00", "СрокОплатыПокупателя": "14",
        }  # fmt: skip

    def _node(self, index: int) -> Row:
        names = (("НФ", "Наша фирма"), ("SITE", "Сайт"))
        return {"Code": names[index][0], "Description": names[index][1], "ThisNode": index == 0}

    # -- documents

    def _unit_of_line(self) -> Row:
        return reference("ЕдиницаИзмерения", self.refs[_UNITS][0], _UNITS)

    def _purchase(self, index: int) -> Row:
        share, place = divmod(index, len(STORES))
        lines = (
            {
                **self.offer(offer), **self._unit_of_line(), "Количество": stock, "Всего": self._cost_of(offer, stock),
                "Сумма": self._cost_of(offer, stock),
            }
            for offer in self.company.share(share)
            if (stock := self.company.stock(offer, place))
        )  # fmt: skip
        fields: Row = {
            "Организация_Key": self.ref("Организации", 0), "ВидОперации": "ПоступлениеОтПоставщика",
            "СтруктурнаяЕдиница_Key": self.ref("СтруктурныеЕдиницы", place),
        }  # fmt: skip
        return self.document(_PURCHASE, index, OPENED, fields, {"Запасы": lines})

    def _sale(self, order: int) -> Row:
        """What every document of a sale has at its head."""
        customer = self.company.customer_of(order)
        total = round(sum(line.sum for line in self.company.lines(order)), 2)
        return {
            "Контрагент_Key": self.ref("Контрагенты", customer), "Организация_Key": self.ref("Организации", 0),
            "Договор_Key": self.ref("ДоговорыКонтрагентов", customer), "ВалютаДокумента_Key": self.ref("Валюты", 0),
            "ВалютаДенежныхСредств_Key": self.ref("Валюты", 0), "СуммаДокумента": total, "СуммаВключаетНДС": True,
            "НалогообложениеНДС": "ОблагаетсяНДС", "Курс": 1, "Кратность": "1",
            "СтруктурнаяЕдиница_Key": self.ref("СтруктурныеЕдиницы", 0), "ВидЦен_Key": self.ref("ВидыЦен", 2),
        }  # fmt: skip

    def _lines(self, order: int) -> list[Row]:
        return [
            {
                **self.offer(line.offer), **self._unit_of_line(), "Количество": line.quantity, "Цена": line.price,
                "Сумма": line.sum, "Всего": line.sum, "СтавкаНДС_Key": self.ref("СтавкиНДС", 0),
                "СуммаНДС": round(line.sum / 6, 2),
            }
            for line in self.company.lines(order)
        ]  # fmt: skip

    def _order(self, order: int) -> Row:
        date = self.company.order_date(order)
        state = self.ref("СостоянияЗаказовПокупателей", order % 3)
        fields: Row = {
            **self._sale(order), "ВидОперации": "ЗаказНаПродажу", "НомерВходящегоДокумента": f"S-{order + 1:05d}",
            "ДатаВходящегоДокумента": date, "ДатаИзменения": date, "ДатаОтгрузки": f"{date[:10]}T00:00:00",
            **reference("СостояниеЗаказа", state, "Catalog_СостоянияЗаказовПокупателей"),
            "СтруктурнаяЕдиницаРезерв_Key": self.ref("СтруктурныеЕдиницы", 0),
        }  # fmt: skip
        return self.document(_ORDER, order, date, fields, {"Запасы": self._lines(order)})

    def _invoice(self, order: int) -> Row:
        date = self.company.order_date(order)
        base = reference("ДокументОснование", self.refs[_ORDER][order], _ORDER)
        total: Wire = self._sale(order)["СуммаДокумента"]
        calendar: list[Row] = [{"ДатаОплаты": f"{date[:10]}T00:00:00", "ПроцентОплаты": 100, "СуммаОплаты": total}]
        sections = {"Запасы": self._lines(order), "ПлатежныйКалендарь": calendar}
        return self.document(_INVOICE, order, date, {**self._sale(order), **base}, sections)

    def _shipment(self, index: int) -> Row:
        order = index * 2
        fields: Row = {
            **self._sale(order), **reference("Заказ", self.refs[_ORDER][order], _ORDER),
            "ВидОперации": "ПродажаПокупателю",
        }  # fmt: skip
        date = f"{self.company.order_date(order)[:11]}18:00:00"
        return self.document(_SHIPMENT, index, date, fields, {"Запасы": self._lines(order)})

    def _payment(self, index: int) -> Row:
        order = index * 3
        sale = self._sale(order)
        line: Row = {
            "Договор_Key": sale["Договор_Key"], "СуммаПлатежа": sale["СуммаДокумента"], "Курс": 1, "Кратность": "1",
            "СуммаРасчетов": sale["СуммаДокумента"], "ПризнакАванса": order % 2 == 1,
            **reference("Заказ", self.refs[_ORDER][order], _ORDER),
        }  # fmt: skip
        date = f"{self.company.order_date(order)[:11]}19:00:00"
        fields: Row = {**sale, "ВидОперации": "ОтПокупателя"}
        return self.document(_PAYMENT, index, date, fields, {"РасшифровкаПлатежа": [line]})


def _fill(store: Store, seed: int, size: int) -> list[tuple[str, str]]:
    return SmallFirmData(store, seed, size).fill()


UNF: Final = Preset("unf", "unf", _PREFIX, lambda: declared("unf"), _fill, SmallFirmRules)
