"""A base of «Управление торговлей» 11.4: the sets and names of that configuration, with a small company's data."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from syncd.emulator.odata.company import OPENED, PRICES, STORES, Company
from syncd.emulator.odata.declare import declared
from syncd.emulator.odata.model import EMPTY_REF, Row
from syncd.emulator.odata.preset import Preset
from syncd.emulator.odata.seeds import reference
from syncd.emulator.odata.shape import GOODS, Make, Shape, lookup_by
from syncd.emulator.odata.store import Store
from syncd.emulator.odata.ut_rules import TradeRules
from syncd.emulator.words import UNITS

STATUSES: Final = ("КОтгрузке", "КОбеспечению", "НеСогласован")
_PREFIX: Final = "ТД00-"
_STOCK: Final = ("AccumulationRegister_ТоварыНаСкладах", "AccumulationRegister_СвободныеОстатки")
_PRICING: Final = "Document_УстановкаЦенНоменклатуры"
_PURCHASE: Final = "Document_ПриобретениеТоваровУслуг"
_ORDER: Final = "Document_ЗаказКлиента"
_INVOICE: Final = "Document_СчетНаОплатуКлиенту"
_SHIPMENT: Final = "Document_РеализацияТоваровУслуг"
_PAYMENT: Final = "Document_ПоступлениеБезналичныхДенежныхСредств"
_RETURN: Final = "Document_ВозвратТоваровОтКлиента"
_KEYS: Final = "Catalog_КлючиАналитикиУчетаПоПартнерам"


def _counts(company: Company) -> dict[str, int]:
    return {
        "Catalog_Валюты": 2, "Catalog_Организации": 1, "Catalog_Пользователи": 3, "Catalog_ВидыНоменклатуры": 1,
        "Catalog_УпаковкиЕдиницыИзмерения": len(UNITS), "Catalog_ВидыЦен": len(PRICES), "Catalog_Склады": len(STORES),
        "Catalog_Партнеры": company.customers, "Catalog_Контрагенты": company.customers,
        "Catalog_ДоговорыКонтрагентов": company.customers, "Catalog_СоглашенияСКлиентами": company.customers,
        _KEYS: company.customers, _PRICING: company.shares, _PURCHASE: company.shares * len(STORES),
        _ORDER: company.orders, _INVOICE: company.orders, _SHIPMENT: company.orders // 2,
        _PAYMENT: company.orders // 3, _RETURN: company.orders // 6, "ExchangePlan_ОбменССайтом": 2,
    }  # fmt: skip


class TradeData(Shape):
    """The company's data in the shape of УТ 11.4."""

    def __init__(self, store: Store, seed: int, size: int) -> None:
        company = Company(seed, size)
        super().__init__(store, company, _counts(company), _PREFIX)

    def fill(self) -> list[tuple[str, str]]:
        """Seed every table; returns the documents posted from the start."""
        makers: dict[str, Make] = {
            "Catalog_Валюты": self._currency, "Catalog_Организации": self._firm, "Catalog_Пользователи": self._user,
            "Catalog_ВидыНоменклатуры": lambda _i: {"Description": "Товары"},
            "Catalog_УпаковкиЕдиницыИзмерения": self._unit, "Catalog_ВидыЦен": self._price_type,
            "Catalog_Склады": self._store_row, "Catalog_Партнеры": self._partner,
            "Catalog_Контрагенты": self._counterparty, "Catalog_ДоговорыКонтрагентов": self._contract,
            "Catalog_СоглашенияСКлиентами": self._agreement, _PRICING: self._pricing, _PURCHASE: self._purchase,
            _ORDER: self._order, _INVOICE: self._invoice, _SHIPMENT: self._shipment, _RETURN: self._return,
            _PAYMENT: self._payment, "ExchangePlan_ОбменССайтом": self._node,
        }  # fmt: skip
        for name, maker in makers.items():
            self.objects(name, maker)
        self.objects(_KEYS, self._analytics, {"Партнер_Key": lookup_by(self.refs["Catalog_Партнеры"])})
        self.goods(self._good, self._variant)
        self.barcodes({"Упаковка_Key": EMPTY_REF})
        self.price_sets("InformationRegister_ЦеныНоменклатуры", _PRICING, self._prices)
        for register in _STOCK:
            self.stock_sets(register, _PURCHASE, self._stock)
        self._constants()
        posted = (_ORDER, _SHIPMENT, _PAYMENT, _RETURN)
        return [(name, self.refs[name][index]) for name in posted for index in range(self.refs[name].count)]

    def _constants(self) -> None:
        currency: Row = {"SurrogateKey": 0, "Value_Key": self.ref("Валюты", 0)}
        for name in ("ВалютаРегламентированногоУчета", "ВалютаУправленческогоУчета"):
            self.store.put(f"Constant_{name}", dict(currency))
        self.store.put("Constant_ХранитьФайлыВТомахНаДиске", {"SurrogateKey": 0, "Value": False})

    # -- records

    def _prices(self, document: int) -> Iterable[Row]:
        for offer in self.company.share(document):
            for kind in range(len(PRICES)):
                yield {"Period": OPENED, **self._price(offer, kind), "Валюта_Key": self.ref("Валюты", 0)}

    def _price(self, offer: int, kind: int) -> Row:
        price = self.company.price(offer, kind)
        return {**self.offer(offer), "ВидЦены_Key": self.ref("ВидыЦен", kind), "Цена": price}

    def _stock(self, offer: int, place: int, stock: int) -> Row:
        return {
            "Period": OPENED, "RecordType": "Receipt", **self.offer(offer), "Склад_Key": self.ref("Склады", place),
            "ВНаличии": stock,
        }  # fmt: skip

    # -- catalogues

    def _currency(self, index: int) -> Row:
        code, name, full = (("643", "руб.", "Российский рубль"), ("840", "USD", "Доллар США"))[index]
        return {"Code": code, "Description": name, "НаименованиеПолное": full}

    def _firm(self, index: int) -> Row:
        del index
        name = "ООО «Торговый дом»"
        return {
            "Description": name, "НаименованиеПолное": name, "НаименованиеСокращенное": name, "ИНН": "7743013902",
            "КПП": "774301001", "Префикс": "ТД", "ЮридическоеФизическоеЛицо": "ЮридическоеЛицо", "ЮрФизЛицо": "ЮрЛицо",
        }  # fmt: skip

    def _user(self, index: int) -> Row:
        return {"Description": ("Администратор", "Менеджер Иванова", "Обмен с сайтом")[index]}

    def _unit(self, index: int) -> Row:
        code, name, full, international = UNITS[index]
        return {
            "Code": code, "Description": name, "НаименованиеПолное": full, "МеждународноеСокращение": international,
            "Числитель": 1, "Знаменатель": 1, "ТипИзмеряемойВеличины": "КоличествоШтук",
        }  # fmt: skip

    def _good(self, item: int) -> Row:
        company, name = self.company, self.company.name(item)
        return {
            "Description": name[:100],
            "НаименованиеПолное": name, "Артикул": company.sku(item), "СтавкаНДС": "НДС20", "ТипНоменклатуры": "Товар",
            "ВидНоменклатуры_Key": self.ref("ВидыНоменклатуры", 0), "Качество": "Новый",
            "ЕдиницаИзмерения_Key": self.ref("УпаковкиЕдиницыИзмерения", 0), "ВесИспользовать": True,
            "ВесЧислитель": (item % 97 + 1) / 10, "ВесЗнаменатель": 1,
            "ИспользованиеХарактеристик":
                "ИндивидуальныеДляНоменклатуры" if company.has_variants(item) else "НеИспользовать",
        }  # fmt: skip

    def _variant(self, variant: int) -> Row:
        name = self.company.variant_name(variant)
        owner = self.good(self.company.item_of_variant(variant))
        return {"Description": name, "НаименованиеПолное": name, **reference("Owner", owner, GOODS)}

    def _price_type(self, index: int) -> Row:
        return {
            "Description": PRICES[index][0], "Идентификатор": f"Цена{index + 1}", "Статус": "Действует",
            "ВалютаЦены_Key": self.ref("Валюты", 0), "ЦенаВключаетНДС": True, "ИспользоватьПриПродаже": True,
            "СпособЗаданияЦены": "Вручную",
        }  # fmt: skip

    def _store_row(self, index: int) -> Row:
        return {"Description": STORES[index][0], "ТипСклада": "РозничныйМагазин" if index == 1 else "ОптовыйСклад"}

    def _partner(self, index: int) -> Row:
        name = self.company.customer_name(index)
        return {
            "Description": name, "НаименованиеПолное": name, "Клиент": True, "ДатаРегистрации": "2025-11-01T00:00:00",
            "ЮрФизЛицо": "ЧастноеЛицо" if self.company.is_person(index) else "Компания",
            "ОсновнойМенеджер_Key": self.ref("Пользователи", 1),
        }  # fmt: skip

    def _counterparty(self, index: int) -> Row:
        name, person = self.company.customer_name(index), self.company.is_person(index)
        return {
            "Description": name, "НаименованиеПолное": name, "ИНН": self.company.tax_number(index),
            "КПП": "" if person else "770201001", "Партнер_Key": self.ref("Партнеры", index),
            "ЮрФизЛицо": "ИндивидуальныйПредприниматель" if person else "ЮрЛицо",
            "ЮридическоеФизическоеЛицо": "ФизическоеЛицо" if person else "ЮридическоеЛицо",
        }  # fmt: skip

    def _buyer(self, index: int) -> Row:
        """What contracts, agreements and documents say of the customer."""
        return {
            "Партнер_Key": self.ref("Партнеры", index), "Контрагент_Key": self.ref("Контрагенты", index),
            "Организация_Key": self.ref("Организации", 0),
        }  # fmt: skip

    def _contract(self, index: int) -> Row:
        return {
            "Description": f"Договор поставки № {index + 1}", "Номер": str(index + 1), **self._buyer(index),
            "Дата": "2025-11-01T00:00:00", "Статус": "Действует", "ТипДоговора": "СПокупателем",
            "ВалютаВзаиморасчетов_Key": self.ref("Валюты", 0), "ОграничиватьСуммуЗадолженности": True,
            "ДопустимаяСуммаЗадолженности": 50000 + index % 10 * 10000, "Согласован": True,
        }  # fmt: skip

    def _agreement(self, index: int) -> Row:
        return {
            "Description": f"Соглашение № {index + 1}", **self._buyer(index), "Статус": "Действует",
            "Валюта_Key": self.ref("Валюты", 0), "ВидЦен_Key": self.ref("ВидыЦен", index % len(PRICES)),
            "Склад_Key": self.ref("Склады", 0), "Согласован": True,
        }  # fmt: skip

    def _analytics(self, index: int) -> Row:
        return {
            "Description": self.company.customer_name(index)[:100], "Партнер_Key": self.ref("Партнеры", index),
            "Организация_Key": self.ref("Организации", 0),
            **reference("Контрагент", self.ref("Контрагенты", index), "Catalog_Контрагенты"),
            **reference("Договор", self.ref("ДоговорыКонтрагентов", index), "Catalog_ДоговорыКонтрагентов"),
        }  # fmt: skip

    def _node(self, index: int) -> Row:
        names = (("ТД", "Торговый дом"), ("SITE", "Сайт"))
        return {"Code": names[index][0], "Description": names[index][1], "ThisNode": index == 0}

    # -- documents

    def _pricing(self, index: int) -> Row:
        lines = (self._price(offer, kind) for offer in self.company.share(index) for kind in range(len(PRICES)))
        return self.document(_PRICING, index, OPENED, {"Согласован": True}, {"Товары": lines})

    def _purchase(self, index: int) -> Row:
        share, place = divmod(index, len(STORES))
        warehouse = self.ref("Склады", place)
        lines = (
            {**self.offer(offer), "Количество": stock, "КоличествоУпаковок": stock, "Склад_Key": warehouse}
            for offer in self.company.share(share)
            if (stock := self.company.stock(offer, place))
        )
        fields: Row = {"Организация_Key": self.ref("Организации", 0), "Склад_Key": warehouse}
        return self.document(_PURCHASE, index, OPENED, fields, {"Товары": lines})

    def _sale(self, order: int) -> Row:
        """What every document of a sale has at its head."""
        customer = self.company.customer_of(order)
        total = round(sum(line.sum for line in self.company.lines(order)), 2)
        return {
            **self._buyer(customer), "Валюта_Key": self.ref("Валюты", 0), "СуммаДокумента": total,
            "Договор_Key": self.ref("ДоговорыКонтрагентов", customer),
        }  # fmt: skip

    def _lines(self, order: int) -> list[Row]:
        return [
            {
                **self.offer(line.offer), "Количество": line.quantity, "КоличествоУпаковок": line.quantity,
                "Цена": line.price, "Сумма": line.sum, "СуммаСНДС": line.sum, "СуммаНДС": round(line.sum / 6, 2),
                "СтавкаНДС": "НДС20", "КодСтроки": str(place), "Склад_Key": self.ref("Склады", 0),
                "ВидЦены_Key": self.ref("ВидыЦен", 2),
            }
            for place, line in enumerate(self.company.lines(order), 1)
        ]  # fmt: skip

    def _order(self, order: int) -> Row:
        lines = self._lines(order)
        fields: Row = {
            **self._sale(order), "Статус": STATUSES[order % 3], "Согласован": order % 3 != 2, "ЦенаВключаетНДС": True,
            "Соглашение_Key": self.ref("СоглашенияСКлиентами", self.company.customer_of(order)),
            "Склад_Key": self.ref("Склады", 0), "Менеджер_Key": self.ref("Пользователи", 1),
            "МаксимальныйКодСтроки": str(len(lines)), "ДатаОтгрузки": f"{self.company.order_date(order)[:10]}T00:00:00",
            "НомерПоДаннымКлиента": f"S-{order + 1:05d}", "НалогообложениеНДС": "ПродажаОблагаетсяНДС",
            "ХозяйственнаяОперация": "РеализацияКлиенту", "ФормаОплаты": "Безналичная",
        }  # fmt: skip
        return self.document(_ORDER, order, self.company.order_date(order), fields, {"Товары": lines})

    def _invoice(self, order: int) -> Row:
        date, sale = self.company.order_date(order), self._sale(order)
        base = reference("ДокументОснование", self.refs[_ORDER][order], _ORDER)
        stages: list[Row] = [
            {"ДатаПлатежа": f"{date[:10]}T00:00:00", "ПроцентПлатежа": 100, "СуммаПлатежа": sale["СуммаДокумента"]}
        ]
        return self.document(
            _INVOICE, order, date, {**sale, **base, "ФормаОплаты": "Безналичная"}, {"ЭтапыГрафикаОплаты": stages}
        )  # fmt: skip

    def _shipment(self, index: int) -> Row:
        order = index * 2
        ref = reference("ЗаказКлиента", self.refs[_ORDER][order], _ORDER)
        fields: Row = {
            **self._sale(order), **ref, "Склад_Key": self.ref("Склады", 0), "Статус": "Отгружено",
            "РеализацияПоЗаказам": True, "ХозяйственнаяОперация": "РеализацияКлиенту", "ЦенаВключаетНДС": True,
        }  # fmt: skip
        lines = [{**line, **ref} for line in self._lines(order)]
        date = f"{self.company.order_date(order)[:11]}18:00:00"
        return self.document(_SHIPMENT, index, date, fields, {"Товары": lines})

    def _payment(self, index: int) -> Row:
        order = index * 3
        sale = self._sale(order)
        total = sale["СуммаДокумента"]
        line: Row = {
            "Партнер_Key": sale["Партнер_Key"], "Сумма": total, "СуммаВзаиморасчетов": total,
            "ВалютаВзаиморасчетов_Key": self.ref("Валюты", 0),
            **reference("Заказ", self.refs[_ORDER][order], _ORDER),
        }  # fmt: skip
        fields: Row = {**sale, "ХозяйственнаяОперация": "ПоступлениеОплатыОтКлиента", "ПроведеноБанком": True}
        date = f"{self.company.order_date(order)[:11]}19:00:00"
        return self.document(_PAYMENT, index, date, fields, {"РасшифровкаПлатежа": [line]})

    def _return(self, index: int) -> Row:
        order = index * 2
        shipment = self.refs[_SHIPMENT][index]
        line = self._lines(order)[0]
        fields: Row = {
            **self._sale(order), "СуммаДокумента": line["СуммаСНДС"], "Склад_Key": self.ref("Склады", 0),
            **reference("ДокументРеализации", shipment, _SHIPMENT),
            "ХозяйственнаяОперация": "ВозвратТоваровОтКлиента", "ЦенаВключаетНДС": True,
        }  # fmt: skip
        date = f"{self.company.order_date(order)[:11]}20:00:00"
        return self.document(_RETURN, index, date, fields, {"Товары": [line]})


def _fill(store: Store, seed: int, size: int) -> list[tuple[str, str]]:
    return TradeData(store, seed, size).fill()


UT11: Final = Preset("ut11", "ut", _PREFIX, lambda: declared("ut11"), _fill, TradeRules)
